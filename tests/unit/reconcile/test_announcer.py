"""Which declarations are told of what happens to an alert."""

from __future__ import annotations

from servicegraph.reconcile.announcer import by_source, concerned
from servicegraph.writeback.live import LiveObject
from support.bodies import body
from support.cyclealerts import Versions, only


def declared(*said: str) -> list[LiveObject]:
    """Objects written as `ab`: a calls b."""
    return [LiveObject.of(body(one[0], targets=tuple(one[1:]))) for one in said]


def names(objects: list[LiveObject]) -> list[str]:
    return [one.name for one in objects]


def test_those_are_told_that_declare_an_edge_of_the_circle() -> None:
    alert = only(Versions().become("abc"))
    sources = by_source(declared("d" + "a", "ca", "ab", "bd", "b"))
    assert names(concerned(alert, sources, over=False)) == ["a", "c"]


def test_once_it_is_over_all_members_are_told_for_the_edge_may_be_gone() -> None:
    versions = Versions()
    versions.become("abc")
    alert = only(versions.become(""))
    sources = by_source(declared("ab", "b", "ca", "da"))
    assert names(concerned(alert, sources, over=True)) == ["a", "b", "c"]


def test_an_object_that_names_no_service_is_told_nothing() -> None:
    strange = {**body("a"), "spec": {"service": {"name": 7}}}
    assert by_source([LiveObject.of(strange)]) == {}
