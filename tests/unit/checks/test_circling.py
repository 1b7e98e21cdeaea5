"""Whom a circle concerns: who declares an edge of it."""

from __future__ import annotations

import pytest

from servicegraph.checks.circling import circle_of, circling
from servicegraph.graph.alerts import News
from servicegraph.model.alert import Acknowledgement
from servicegraph.model.ids import ServiceKey
from support.cyclealerts import LETTERS, Versions, only
from support.reference import Fact

TELEMETRY = 3


def key(letter: str) -> ServiceKey:
    return ServiceKey("", "shop", letter, "Service")


def fact(ends: str, provider: int = 0) -> Fact:
    source, target = map(LETTERS.index, ends)
    return Fact(source, target, provider, evidence=3 if provider else 1, requirement=0 if provider else 2)


@pytest.mark.parametrize(
    ("source", "targets", "concerned"),
    [
        ("a", "b", True),
        ("a", "bd", True),
        ("a", "d", False),  # a member that declares only what lies outside
        ("d", "a", False),  # calls a member
        ("b", "", False),
        ("e", "f", False),  # nobody knows of them
    ],
)
def test_a_circle_concerns_who_declares_an_edge_of_it(source: str, targets: str, concerned: bool) -> None:
    graph = Versions().become(facts=[fact(ends) for ends in ("ab", "bc", "ca", "ad", "da", "de")][:4])
    alert = circle_of(graph, key(source), [key(one) for one in targets])
    assert (alert is not None) is concerned


def test_an_edge_that_raises_no_alert_concerns_nobody() -> None:
    quarantined = fact("ac", TELEMETRY)._replace(quarantined=True)
    graph = Versions().become(facts=[fact("ab"), fact("bc"), fact("ca"), quarantined])
    assert circle_of(graph, key("a"), [key("c")]) is None
    assert circle_of(graph, key("a"), [key("b")]) == only(graph)


def test_where_only_the_graph_can_tell_it_is_what_somebody_declares() -> None:
    graph = Versions().become(facts=[fact("ab"), fact("ba", TELEMETRY)])
    assert circle_of(graph, key("a"), None) == only(graph)
    assert circle_of(graph, key("b"), None) is None


def test_the_condition_names_the_alert_and_the_path_in_words() -> None:
    graph = Versions().become("abc")
    alert = only(graph)
    finding = circling(alert)
    assert (finding.type, finding.status, finding.reason) == ("InCycle", "True", "PartOfCycle")
    assert finding.message == f"{alert.name} (Critical): shop/a → shop/b → shop/c → shop/a"


def test_the_condition_says_that_somebody_knows() -> None:
    versions = Versions()
    name = only(versions.become("ab")).name
    alert = only(versions.become("ab", News({name: Acknowledgement(1, "known")})))
    assert circling(alert).message == f"{name} (acknowledged, Critical): shop/a → shop/b → shop/a"


def test_who_has_no_part_in_any_is_told_so() -> None:
    finding = circling(None)
    assert (finding.status, finding.reason) == ("False", "NotInCycle")
