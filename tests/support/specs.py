"""Specs of ServiceDependency that are right, and such that are wrong in one way each, with a part of what people are told.

One table for all who judge specs, the API server and the operator's own check: their verdicts must agree.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Spec = dict[str, Any]


class Wrong(NamedTuple):
    """A spec that nobody may accept."""

    spec: Spec
    field: str
    """The field that is at fault, as both judges name it."""
    strict_only: bool = False
    """Whether it takes strict validation to see it: the API server then drops the field, as the operator does."""


def spec(*dependencies: Any, **service: Any) -> Spec:
    """A spec with these dependencies and these fields of its service, which is called `checkout` unless told."""
    return {"service": {"name": "checkout", **service}, "dependencies": list(dependencies)}


def on(**fields: Any) -> Spec:
    """A spec with one dependency that has these fields, on `payment` unless told."""
    return spec({"name": "payment", **fields})


RIGHT: dict[str, Spec] = {
    "a leaf without the list": {"service": {"name": "leaf"}},
    "a leaf with an empty list": spec(),
    "a name of 253 characters": spec(name="a" * 253),
    "a name with all its characters": spec(name="A0-b._c"),
    "a name of one character": spec({"name": "b"}, name="a"),
    "a datastore that depends on a datastore": spec(
        {"name": "replica", "kind": "Datastore"}, kind="Datastore"
    ),
    "a service and a datastore of one name": spec({"name": "checkout", "kind": "Datastore"}),
    "the same name in another namespace": on(name="checkout", namespace="other"),
    "one name in several namespaces and kinds": spec(
        {"name": "redis"}, {"name": "redis", "namespace": "cache"}, {"name": "redis", "kind": "Datastore"}
    ),
    "256 dependencies": spec(*({"name": f"s{number}"} for number in range(256))),
    "an external with a dotted name": on(name="api.stripe.com", kind="External"),
    "an external with an empty namespace": on(kind="External", namespace=""),
    "a namespace of 63 characters": on(namespace="n" * 63),
    "everything said": spec(
        {
            "name": "payment",
            "namespace": "pay",
            "kind": "Queue",
            "protocol": "AMQP 1.0",
            "mode": "Async",
            "requirement": "Soft",
            "timeout": "300ms",
            "retry": {"maxAttempts": 3, "backoff": "Exponential"},
            "expectedInterval": "24h",
            "observation": "Optional",
            "acceptedCycle": {"reason": "split planned", "until": "2027-01-31T00:00:00Z"},
            "description": "charges the card",
        },
        technology="go",
        team="Zahlungen & Co",
        criticality="High",
        availabilityTarget="99.95",
        labels={"tier": "backend", "example.com/part-of": ""},
    ),
    "nulls where something may be left out": {
        "service": {"name": "checkout", "team": None, "kind": None, "labels": None},
        "dependencies": [
            {"name": "payment", "namespace": None, "mode": None, "timeout": None, "retry": None}
        ],
    },
    "no dependencies but null": {"service": {"name": "checkout"}, "dependencies": None},
    "32 labels": spec(labels={f"k{number}": "v" for number in range(32)}),
    "a label's key of 128 characters": spec(labels={"k" * 128: "v"}),
    "100 percent": spec(availabilityTarget="100"),
    "100.000 percent": spec(availabilityTarget="100.000"),
    "one attempt": on(retry={"maxAttempts": 1}),
    "100 attempts": on(retry={"maxAttempts": 100}),
    "whole attempts written as a fraction": on(retry={"maxAttempts": 3.0}),
    "a retry that says nothing": on(retry={}),
    "a duration of several units": on(timeout="1h30m5s100ms"),
    "an acceptance without end": on(acceptedCycle={"reason": "known"}),
    "an acceptance with an offset and a fraction": on(
        acceptedCycle={"reason": "known", "until": "2027-01-31T00:00:00.123456+02:00"}
    ),
    "a leap day": on(acceptedCycle={"reason": "known", "until": "2028-02-29T23:59:59Z"}),
    "a description of several lines": on(description="first\n\tsecond ä 漢 🙂\r\n"),
    "a description of 1024 characters": on(description="漢" * 1024),
    "an empty description": on(description=""),
    "a word in other letters": on(protocol="протокол"),
    "a word with a no-break space around it": on(protocol="\u00a0x\u00a0"),
}

WRONG: dict[str, Wrong] = {
    "no service": Wrong({"dependencies": []}, "spec.service"),
    "a service that is null": Wrong({"service": None}, "spec.service"),
    "a service that is a string": Wrong({"service": "checkout"}, "spec.service"),
    "no name": Wrong({"service": {}}, "spec.service.name"),
    "an empty name": Wrong(spec(name=""), "spec.service.name"),
    "a name of 254 characters": Wrong(spec(name="a" * 254), "spec.service.name"),
    "a name of 300 characters in a dependency": Wrong(on(name="a" * 300), "spec.dependencies[0].name"),
    "a name that is a number": Wrong(spec(name=7), "spec.service.name"),
    "a name with a slash": Wrong(spec(name="shop/checkout"), "spec.service.name"),
    "a name with a space": Wrong(spec(name="check out"), "spec.service.name"),
    "a name with NUL": Wrong(spec(name="check\x00out"), "spec.service.name"),
    "a name that ends in a line break": Wrong(spec(name="checkout\n"), "spec.service.name"),
    "a name that ends in a dash": Wrong(on(name="payment-"), "spec.dependencies[0].name"),
    "a name in other letters": Wrong(on(name="zahlungsprüfung"), "spec.dependencies[0].name"),
    "a service of kind External": Wrong(spec(kind="External"), "spec.service.kind"),
    "a kind in lower case": Wrong(spec(kind="service"), "spec.service.kind"),
    "an unknown kind of dependency": Wrong(on(kind="Database"), "spec.dependencies[0].kind"),
    "an unknown field of the spec": Wrong({**spec(), "owner": "x"}, "spec.owner", strict_only=True),
    "an unknown field of the service": Wrong(spec(tier="x"), "spec.service.tier", strict_only=True),
    "a misspelled field of a dependency": Wrong(
        on(timout="5s"), "spec.dependencies[0].timout", strict_only=True
    ),
    "dependencies as a map": Wrong(
        {"service": {"name": "a"}, "dependencies": {"b": {}}}, "spec.dependencies"
    ),
    "a dependency that is null": Wrong(spec(None), "spec.dependencies[0]"),
    "a dependency that is a string": Wrong(spec("payment"), "spec.dependencies[0]"),
    "a dependency without a name": Wrong(spec({"namespace": "shop"}), "spec.dependencies[0].name"),
    "257 dependencies": Wrong(spec(*({"name": f"s{number}"} for number in range(257))), "spec.dependencies"),
    "the same dependency twice": Wrong(
        spec({"name": "payment"}, {"name": "payment"}), "spec.dependencies[1]"
    ),
    "the same dependency twice, once with its defaults": Wrong(
        spec({"name": "payment"}, {"name": "payment", "namespace": "", "kind": "Service", "mode": "Async"}),
        "spec.dependencies[1]",
    ),
    "a dependency on itself": Wrong(spec({"name": "checkout"}), "spec.dependencies"),
    "a datastore that depends on itself": Wrong(
        spec({"name": "checkout", "kind": "Datastore"}, kind="Datastore"), "spec.dependencies"
    ),
    "an external with a namespace": Wrong(
        on(kind="External", namespace="shop"), "spec.dependencies[0].namespace"
    ),
    "a namespace in capitals": Wrong(on(namespace="Shop"), "spec.dependencies[0].namespace"),
    "a namespace of 64 characters": Wrong(on(namespace="n" * 64), "spec.dependencies[0].namespace"),
    "an unknown mode": Wrong(on(mode="Parallel"), "spec.dependencies[0].mode"),
    "an empty mode": Wrong(on(mode=""), "spec.dependencies[0].mode"),
    "an unknown requirement": Wrong(on(requirement="Optional"), "spec.dependencies[0].requirement"),
    "an unknown observation": Wrong(on(observation="Never"), "spec.dependencies[0].observation"),
    "an unknown criticality": Wrong(spec(criticality="Urgent"), "spec.service.criticality"),
    "a duration in words": Wrong(on(timeout="5 minutes"), "spec.dependencies[0].timeout"),
    "a duration without a unit": Wrong(on(timeout="300"), "spec.dependencies[0].timeout"),
    "a duration that is a number": Wrong(on(timeout=300), "spec.dependencies[0].timeout"),
    "a duration with a sign": Wrong(on(timeout="-5s"), "spec.dependencies[0].timeout"),
    "a duration with a fraction": Wrong(on(timeout="1.5s"), "spec.dependencies[0].timeout"),
    "an interval in days": Wrong(on(expectedInterval="7d"), "spec.dependencies[0].expectedInterval"),
    "an empty interval": Wrong(on(expectedInterval=""), "spec.dependencies[0].expectedInterval"),
    "a percentage that is a number": Wrong(spec(availabilityTarget=99.95), "spec.service.availabilityTarget"),
    "a percentage with its sign": Wrong(spec(availabilityTarget="99.95%"), "spec.service.availabilityTarget"),
    "a percentage above 100": Wrong(spec(availabilityTarget="100.1"), "spec.service.availabilityTarget"),
    "a percentage below 0": Wrong(spec(availabilityTarget="-1"), "spec.service.availabilityTarget"),
    "a percentage with a comma": Wrong(spec(availabilityTarget="99,95"), "spec.service.availabilityTarget"),
    "no attempt at all": Wrong(on(retry={"maxAttempts": 0}), "spec.dependencies[0].retry.maxAttempts"),
    "101 attempts": Wrong(on(retry={"maxAttempts": 101}), "spec.dependencies[0].retry.maxAttempts"),
    "two and a half attempts": Wrong(
        on(retry={"maxAttempts": 2.5}), "spec.dependencies[0].retry.maxAttempts"
    ),
    "attempts as a string": Wrong(on(retry={"maxAttempts": "3"}), "spec.dependencies[0].retry.maxAttempts"),
    "attempts as a boolean": Wrong(on(retry={"maxAttempts": True}), "spec.dependencies[0].retry.maxAttempts"),
    "an unknown backoff": Wrong(on(retry={"backoff": "Linear"}), "spec.dependencies[0].retry.backoff"),
    "a retry that is a number": Wrong(on(retry=3), "spec.dependencies[0].retry"),
    "an acceptance without a reason": Wrong(
        on(acceptedCycle={}), "spec.dependencies[0].acceptedCycle.reason"
    ),
    "an acceptance with an empty reason": Wrong(
        on(acceptedCycle={"reason": ""}), "spec.dependencies[0].acceptedCycle.reason"
    ),
    **{
        f"an acceptance until {until!r}": Wrong(
            on(acceptedCycle={"reason": "known", "until": until}), "spec.dependencies[0].acceptedCycle.until"
        )
        for until in (
            "tomorrow",
            "",
            "2027-01-31",
            "2027-01-31T00:00:00",
            "2027-02-30T00:00:00Z",
            "2027-02-29T00:00:00Z",
            "2027-01-31T24:00:00Z",
            "2027-01-31T00:60:00Z",
            "2027-01-31T00:00:00+24:00",
            "0000-01-31T00:00:00Z",
            1_800_000_000,
        )
    },
    "a word that is empty": Wrong(on(protocol=""), "spec.dependencies[0].protocol"),
    "a word with a space before it": Wrong(on(protocol=" HTTP"), "spec.dependencies[0].protocol"),
    "a word of 64 characters": Wrong(spec(team="t" * 64), "spec.service.team"),
    "a word with a line break": Wrong(spec(team="pay\nments"), "spec.service.team"),
    "a word with an escape": Wrong(spec(technology="\x1b[31mred"), "spec.service.technology"),
    "a word with a control character of the second block": Wrong(spec(team="a\u0085b"), "spec.service.team"),
    "a description with NUL": Wrong(on(description="a\x00b"), "spec.dependencies[0].description"),
    "a description of 1025 characters": Wrong(on(description="x" * 1025), "spec.dependencies[0].description"),
    "33 labels": Wrong(spec(labels={f"k{number}": "v" for number in range(33)}), "spec.service.labels"),
    "a label that is a number": Wrong(spec(labels={"tier": 1}), "spec.service.labels.tier"),
    "a label's value with NUL": Wrong(spec(labels={"tier": "\x00"}), "spec.service.labels"),
    "a label's key with a space": Wrong(spec(labels={"a b": "v"}), "spec.service.labels"),
    "an empty label's key": Wrong(spec(labels={"": "v"}), "spec.service.labels"),
    "a label's key of 129 characters": Wrong(spec(labels={"k" * 129: "v"}), "spec.service.labels"),
    "labels as a list": Wrong(spec(labels=["tier"]), "spec.service.labels"),
}
