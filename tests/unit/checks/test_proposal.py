"""What is said of manifests by themselves: the verdicts of the API server, and what only the operator refuses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicegraph.checks.finding import MAX_MESSAGE, Code, Finding
from servicegraph.checks.proposal import MAX_FAULTS, Proposal, is_ours, read
from servicegraph.graph.columns import ObjectName
from servicegraph.model.servicedependency import API_VERSION
from support.objects import RIGHT_OBJECTS, WRONG_OBJECTS, alert, dependency
from support.specs import on, spec

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)


def faults(body: dict[str, Any]) -> list[Finding]:
    said = read(body, "shop", 7)
    assert isinstance(said, list), said
    return said


@pytest.mark.parametrize("name", RIGHT_OBJECTS)
def test_a_right_object_has_no_fault(name: str) -> None:
    said = read(RIGHT_OBJECTS[name], "default")
    declares = RIGHT_OBJECTS[name]["kind"] == "ServiceDependency"
    assert isinstance(said, Proposal) if declares else said == []


@pytest.mark.parametrize("name", WRONG_OBJECTS)
def test_a_wrong_object_is_refused_at_its_field(name: str) -> None:
    found = faults(WRONG_OBJECTS[name].body)
    assert {one.code for one in found} == {Code.INVALID}
    assert [one for one in found if WRONG_OBJECTS[name].field in one.field], found


def test_another_version_or_kind_of_our_group_is_refused() -> None:
    for wrong, field in (
        ({**dependency(), "apiVersion": "servicegraph.dev/v1"}, "apiVersion"),
        ({**dependency(), "apiVersion": "servicegraph.dev"}, "apiVersion"),
        ({**dependency(), "kind": "ServiceDependencies"}, "kind"),
        ({**dependency(), "kind": None}, "kind"),
    ):
        assert [one.field for one in faults(wrong)] == [field]


def test_other_groups_are_not_ours() -> None:
    assert is_ours(dependency())
    assert not any(map(is_ours, ({}, [], None, "x", {"apiVersion": "v1"}, {"apiVersion": 7})))


def test_a_manifest_without_a_namespace_is_applied_where_it_is_told() -> None:
    here, there = read(dependency(on()), "shop"), read(dependency(on(), namespace="pay"), "shop")
    assert isinstance(here, Proposal)
    assert isinstance(there, Proposal)
    assert here.object == ObjectName("shop", "one")
    assert here.observations[0].target.namespace == "shop"
    assert there.object == ObjectName("pay", "one")
    assert there.observations[0].target.namespace == "pay"


def test_what_only_the_operator_sees_is_found_at_its_dependency() -> None:
    for said, code in (
        ({"name": "checkout", "namespace": "shop"}, Code.SELF_DEPENDENCY),
        ({"name": "payment", "namespace": "shop"}, Code.DUPLICATE_DEPENDENCY),
    ):
        (found,) = faults(dependency(spec({"name": "payment"}, said)))
        assert (found.code, found.severity.word) == (code, "error")
        assert (found.field, found.manifest) == ("spec.dependencies[1]", 7)
        assert "shop/" in found.message


def test_an_alert_belongs_to_no_namespace() -> None:
    (found,) = faults(alert({"acknowledgement": {}}))
    assert found.object == ObjectName("", "cycle-dry")


def test_a_manifest_with_very_many_faults_is_told_a_bounded_number() -> None:
    assert len(faults(dependency(spec(*({"name": "!"} for _ in range(200)))))) == MAX_FAULTS


@given(JSON, JSON, JSON)
def test_any_object_at_all_gets_a_verdict_that_can_be_printed(meta: Any, what: Any, other: Any) -> None:
    body = {
        "apiVersion": API_VERSION,
        "kind": "ServiceDependency",
        "metadata": meta,
        "spec": what,
        "x": other,
    }
    found = faults(body)
    assert found
    for one in found:
        assert 0 < len(one.message) <= MAX_MESSAGE
        assert one.message.isprintable()
        assert str(one.object).isprintable()
