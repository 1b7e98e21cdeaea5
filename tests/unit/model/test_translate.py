"""What a body declares, or why it cannot be accepted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from servicegraph.model.faults import faults
from servicegraph.model.ids import ServiceKey
from servicegraph.model.observation import DeclaredObject, StalledObject
from servicegraph.model.servicedependency import ServiceDependencySpec
from servicegraph.model.translate import MAX_MESSAGE, translate
from servicegraph.model.vocabulary import Evidence, Mode, Requirement
from support.specs import RIGHT, WRONG, on, spec

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)
NAMES = st.sampled_from(["checkout", "payment", "redis"])
SPACES = st.sampled_from(["", "shop", "other"])
KINDS = st.sampled_from(["Service", "Datastore", "Queue", "External"])


def body(what: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "uid": "u1",
            "namespace": "shop",
            "name": "one",
            "generation": 3,
            "creationTimestamp": "2026-01-02T03:04:05Z",
        },
        "spec": what,
    }


def declared(what: Any) -> DeclaredObject:
    said = translate(body(what))
    assert isinstance(said, DeclaredObject), said
    return said


def stalled(what: Any) -> StalledObject:
    said = translate(body(what))
    assert isinstance(said, StalledObject), said
    return said


def local(name: str, kind: str = "Service", namespace: str = "shop") -> ServiceKey:
    return ServiceKey("", namespace, name, kind)


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_spec_is_declared(name: str) -> None:
    said = declared(RIGHT[name])
    assert len(said.observations) == len(RIGHT[name].get("dependencies") or ())


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_spec_has_no_unknown_field(name: str) -> None:
    spec = ServiceDependencySpec.model_validate(RIGHT[name], extra="forbid")
    assert spec.service.name == RIGHT[name]["service"]["name"]


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_spec_is_refused_by_strict_validation_at_its_field(name: str) -> None:
    wrong = WRONG[name]
    with pytest.raises(ValidationError) as refusal:
        ServiceDependencySpec.model_validate(wrong.spec, extra="forbid")
    found = faults(refusal.value)
    assert [one for one in found if one.path.startswith(wrong.field)], found


@pytest.mark.parametrize("name", [name for name, wrong in WRONG.items() if not wrong.strict_only])
def test_a_wrong_spec_is_stalled_and_names_the_field(name: str) -> None:
    said = stalled(WRONG[name].spec)
    assert said.reason == "InvalidSpec"
    assert WRONG[name].field in said.message
    assert said.message.isprintable()


@pytest.mark.parametrize("name", [name for name, wrong in WRONG.items() if wrong.strict_only])
def test_a_field_of_a_newer_schema_does_not_stop_an_older_operator(name: str) -> None:
    assert declared(WRONG[name].spec).statement.service.name == "checkout"


def test_the_identity_comes_from_the_metadata() -> None:
    for said in (translate(body(spec())), translate(body({}))):
        assert (said.uid, said.namespace, said.name, said.generation) == ("u1", "shop", "one", 3)
        assert said.created_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_statement_says_what_the_spec_says_about_the_service() -> None:
    said = declared(RIGHT["everything said"]).statement
    assert said.service == local("checkout")
    assert (said.technology, said.team, said.criticality, said.target) == (
        "go",
        "Zahlungen & Co",
        "High",
        "99.95",
    )
    assert said.labels == {"tier": "backend", "example.com/part-of": ""}


def test_an_edge_carries_what_was_said_about_it() -> None:
    (edge,) = declared(RIGHT["everything said"]).observations
    assert (edge.source, edge.target) == (local("checkout"), local("payment", "Queue", "pay"))
    assert (edge.evidence, edge.mode, edge.requirement) == (Evidence.DECLARED, Mode.ASYNC, Requirement.SOFT)
    assert edge.protocol == "AMQP 1.0"
    assert edge.accepted
    assert edge.raw == {"name": "payment", "namespace": "pay", "kind": "Queue"}
    assert edge.details == {
        "timeout": "300ms",
        "retry": {"maxAttempts": 3, "backoff": "Exponential"},
        "expectedInterval": "24h",
        "observation": "Optional",
        "acceptedCycle": {"reason": "split planned", "until": "2027-01-31T00:00:00Z"},
        "description": "charges the card",
    }


def test_an_edge_about_which_nothing_was_said_is_a_hard_call_with_no_details() -> None:
    (edge,) = declared(on()).observations
    assert (edge.mode, edge.requirement, edge.protocol) == (Mode.SYNC, Requirement.HARD, "")
    assert edge.details == {}
    assert not edge.accepted


def test_a_target_without_a_namespace_is_in_that_of_the_object_and_an_external_in_none() -> None:
    first, second = declared(
        spec({"name": "payment"}, {"name": "api.stripe.com", "kind": "External"})
    ).observations
    assert first.target == local("payment")
    assert second.target == ServiceKey("", "", "api.stripe.com", "External")


def test_both_spellings_of_the_own_namespace_are_one_edge() -> None:
    (short,) = declared(on()).observations
    (long,) = declared(on(namespace="shop")).observations
    assert short.raw_key == long.raw_key


def test_a_dependency_on_itself_by_its_explicit_namespace_is_stalled() -> None:
    said = stalled(spec({"name": "payment"}, {"name": "checkout", "namespace": "shop"}))
    assert said.reason == "SelfDependency"
    assert "spec.dependencies[1] is shop/checkout itself" in said.message


def test_one_target_in_two_spellings_is_stalled_and_both_are_named() -> None:
    said = stalled(spec({"name": "a"}, {"name": "payment"}, {"name": "payment", "namespace": "shop"}))
    assert said.reason == "DuplicateDependency"
    assert "spec.dependencies[2]" in said.message
    assert "spec.dependencies[1]" in said.message


def test_many_faults_are_told_by_the_first_three_and_a_number() -> None:
    said = stalled(spec(*({"name": "!"} for _ in range(7))))
    assert said.message.count("cannot be used") == 3
    assert said.message.endswith("; and 4 more")


def test_text_that_is_no_unicode_is_refused_in_printable_words() -> None:
    said = stalled(spec(team="a\ud800"))
    assert "\\ud800" in said.message
    said.message.encode()


@given(JSON)
def test_any_json_at_all_gets_a_verdict_that_can_be_written_down(what: Any) -> None:
    said = translate(body(what))
    if isinstance(said, StalledObject):
        assert 0 < len(said.message) <= MAX_MESSAGE
        said.message.encode()


@given(
    st.lists(
        st.builds(lambda n, s, k: {"name": n, "namespace": s, "kind": k}, NAMES, SPACES, KINDS), max_size=6
    )
)
def test_what_is_declared_are_different_targets_none_of_which_is_the_source(
    dependencies: list[dict[str, str]],
) -> None:
    said = translate(body(spec(*dependencies)))
    resolved = [
        (one["name"], "" if one["kind"] == "External" else one["namespace"] or "shop", one["kind"])
        for one in dependencies
    ]
    wrong = (
        len(set(resolved)) < len(resolved)
        or ("checkout", "shop", "Service") in resolved
        or any(one["kind"] == "External" and one["namespace"] for one in dependencies)
    )
    assert isinstance(said, StalledObject) == wrong
    if isinstance(said, DeclaredObject):
        assert [
            (one.target.name, one.target.namespace, one.target.kind) for one in said.observations
        ] == resolved
        assert len({one.raw_key for one in said.observations}) == len(resolved)


@given(JSON, JSON)
def test_parts_of_any_shape_inside_a_good_spec_are_refused_by_their_field(part: Any, value: Any) -> None:
    for what in (
        spec({"name": "b", "retry": part, "mode": value}),
        spec({"name": "b", "acceptedCycle": part, "timeout": value}, part),
        spec(labels=part, team=value),
    ):
        said = translate(body(what))
        if isinstance(said, StalledObject):
            assert said.message.startswith("spec.")


@given(st.text(max_size=80))
def test_no_control_character_gets_into_the_graph(text: str) -> None:
    said = translate(
        body(spec({"name": "a", "protocol": text, "description": text}, team=text, labels={"k": text}))
    )
    if isinstance(said, DeclaredObject):
        for word in (said.statement.team, said.observations[0].protocol, said.statement.labels["k"]):
            assert word is not None
            assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in word)
        assert "\x00" not in said.observations[0].details.get("description", "")
