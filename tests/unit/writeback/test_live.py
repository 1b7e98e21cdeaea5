"""What is kept of an object, also of one that nobody can accept."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from servicegraph.model.observation import DeclaredObject
from servicegraph.model.translate import translate
from servicegraph.writeback.live import LiveObject
from support.bodies import body
from support.specs import RIGHT, WRONG

# Whole numbers have 64 bits in Kubernetes.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def test_the_targets_are_those_that_a_good_object_declares() -> None:
    for spec in RIGHT.values():
        shown = {**body("one"), "spec": spec}
        said = translate(shown)
        assert isinstance(said, DeclaredObject)
        assert LiveObject.of(shown).targets == tuple(one.target for one in said.observations)


def test_the_source_is_that_of_a_good_object_and_none_where_it_cannot_be_read() -> None:
    for spec in RIGHT.values():
        shown = {**body("one"), "spec": spec}
        said = translate(shown)
        assert isinstance(said, DeclaredObject)
        assert LiveObject.of(shown).source == said.statement.service
    strange: Any
    for strange in (None, [], {"service": 7}, {"service": {"name": 7}}):
        assert LiveObject.of({**body("one"), "spec": strange}).source is None


def test_a_wrong_spec_can_be_kept_too() -> None:
    for wrong in WRONG.values():
        assert LiveObject.of({**body("one"), "spec": wrong.spec}).uid == "uid-shop-one"


@given(JSON)
def test_any_list_of_dependencies_can_be_kept(anything: object) -> None:
    kept = LiveObject.of({**body("one"), "spec": {"dependencies": anything}})
    assert all(isinstance(target.name, str) for target in kept.targets)


@given(JSON, JSON)
def test_a_spec_and_a_status_of_any_shape_can_be_kept(spec: object, status: object) -> None:
    kept = LiveObject.of({**body("one"), "spec": spec, "status": status})
    assert kept.status == (status if isinstance(status, dict) else {})


def test_the_status_comes_back_as_it_was() -> None:
    shown = body("one")
    assert LiveObject.of(shown).status == shown["status"]
    assert LiveObject.of({**shown, "status": None}).status == {}
