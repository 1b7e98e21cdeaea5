"""Objects that live at random: made, changed, broken, mended, deleted, made again under the same name.

Bodies are as the API server shows them. The same draws serve the writer alone and a whole operator: there a seed makes them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from random import Random

    from oracle.bodies import Body

SERVICES = ("a", "b", "c", "d")
"""Few names, so that objects meet: they call each other, in circles too, and say different things about one service."""
KINDS = ("Service", "Service", "Datastore", "Queue")
NAMESPACES = ("shop", "pay")
UNTIL = "2999-01-01T00:00:00Z"
_DAWN = datetime(2026, 1, 1, tzinfo=UTC)

WORDS: dict[str, list[Any]] = {
    "technology": ["go", "java"],
    "team": ["red", "blue"],
    "criticality": ["High", "Low"],
    "availabilityTarget": ["99.9", "100"],
    "labels": [{}, {"tier": "1"}, {"tier": "2"}, {"tier": "1", "zone": "2"}],
}
_words = {field: st.sampled_from(words) for field, words in WORDS.items()}

services = st.fixed_dictionaries(
    {"name": st.sampled_from(SERVICES), "kind": st.sampled_from(KINDS)},
    optional={field: st.sampled_from(words) for field, words in WORDS.items()},
)


def _placed(said: Body) -> Body:
    return {**said, "namespace": ""} if said["kind"] == "External" else said


calls = st.fixed_dictionaries(
    {
        "name": st.sampled_from((*SERVICES, "api.stripe.com")),
        "namespace": st.sampled_from(("", "", *NAMESPACES)),
        "kind": st.sampled_from((*KINDS, "External")),
        "mode": st.sampled_from(["Sync", "Async"]),
        "requirement": st.sampled_from(["Hard", "Soft"]),
        "observation": st.just("Expected"),
    },
    optional={
        "protocol": st.sampled_from(["HTTP", "gRPC", "SQL"]),
        "acceptedCycle": st.sampled_from([{"reason": "known"}, {"reason": "known", "until": UNTIL}]),
    },
).map(_placed)


def _key(said: Any) -> tuple[str, str, str]:
    return said["name"], said["namespace"], said["kind"]


specs = st.fixed_dictionaries(
    {"service": services, "dependencies": st.lists(calls, max_size=5, unique_by=_key)}
)
"""Most can be accepted. Some cannot: they name their own service, or one target twice, with its namespace and without."""


def spec_by(chance: Random, own_namespace: str, service: Body | None = None) -> Body:
    """A spec that a real API server takes; `service` is that of an object that exists. One in ten cannot be accepted."""
    name, kind = chance.choice(SERVICES), chance.choice(KINDS)
    # Server-side apply turns a map whose last key goes into null, and then refuses it: so no empty labels here.
    said = {field: chance.choice(words[-2:]) for field, words in WORDS.items() if chance.random() < 0.5}
    about = {"name": (service or {}).get("name", name), "kind": (service or {}).get("kind", kind), **said}
    calls: dict[tuple[str, str, str], Body] = {}
    for _ in range(chance.randrange(5)):
        call = {
            "name": chance.choice(SERVICES),
            "kind": chance.choice(KINDS),
            "namespace": chance.choice(["", "far"]),
        }
        if (call["name"], call["kind"]) != (about["name"], about["kind"]):
            calls[_key(call)] = {
                **call,
                "mode": chance.choice(["Sync", "Async"]),
                "requirement": chance.choice(["Hard", "Soft"]),
                **({"protocol": chance.choice(["HTTP", "gRPC"])} if chance.random() < 0.5 else {}),
            }
    if chance.random() < 0.1:
        itself = {"name": about["name"], "kind": about["kind"], "namespace": own_namespace}
        calls[_key(itself)] = itself
    return {"service": about, "dependencies": list(calls.values())}


damages = st.sampled_from([
    {"service": {"name": "-", "kind": "Service"}},
    {"service": {"kind": "Service"}},
    {"service": {"name": "a", "kind": "Service", "team": "pay\x00ments"}},
    {"service": {"name": "a", "kind": "External"}},
    {"dependencies": [{"name": "b", "namespace": "", "kind": "Service", "mode": "Parallel", "requirement": "Hard"}]},
    {"dependencies": [{"name": "b", "namespace": "pay", "kind": "External", "mode": "Sync", "requirement": "Hard"}]},
])  # fmt: skip
"""What no API server lets through today, but may have been stored before its schema was as strict."""


def said_by(observation: Any) -> tuple[str, ...]:
    """What identifies an observation: nobody says the same call twice."""
    return observation["provider"], observation["source"], observation["target"]


_GROUPS = {"api:ci": "api", "otel": "http://one", "tempo": "http://one", "other": "http://two"}
_ids = st.sampled_from(["shop/a", "shop/b", "pay/a", "shop/c:datastore", "-/api.stripe.com:external"])


@st.composite
def observations(draw: st.DrawFn) -> dict[str, Any]:
    """What telemetry or an api record says, in the words of `oracle.fold`."""
    provider = draw(st.sampled_from([*_GROUPS]))
    telemetry = provider != "api:ci"
    unsure = st.booleans() if telemetry else st.just(False)
    return {
        "provider": provider,
        "group": _GROUPS[provider],
        "class": draw(st.sampled_from(["both ends", "one end", "flow"])) if telemetry else "api",
        "source": draw(_ids),
        "target": draw(_ids),
        "protocol": draw(st.none() | st.sampled_from(["HTTP", "gRPC"])),
        "mode": draw(st.sampled_from(["Sync", "Async"])) if telemetry else None,
        "present": not draw(unsure),
        "confirmed": not draw(unsure),
        "stale": draw(unsure),
        "quarantined": draw(unsure),
        "alertable": draw(st.booleans()),
    }


def body(namespace: str, name: str, life: int, generation: int, spec: dict[str, Any], days: int = 0) -> Body:
    """An object in its `life`-th life under this name, created so many `days` after the first."""
    created = (_DAWN + timedelta(days=days)).isoformat().replace("+00:00", "Z")
    return {
        "apiVersion": "servicegraph.dev/v1alpha1",
        "kind": "ServiceDependency",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-{namespace}-{name}-{life}",
            "generation": generation,
            "resourceVersion": "1",
            "creationTimestamp": created,
        },
        "spec": spec,
    }
