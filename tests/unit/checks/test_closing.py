"""Who sends an edge is told of the circle that it is part of, whatever kind of evidence the rest of it rests on."""

from __future__ import annotations

from itertools import pairwise, product
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from servicegraph.checks import closing as module
from servicegraph.checks.closing import closing
from servicegraph.model.ids import ServiceKey, parse_id
from support import shop
from support.graphs import facts, service, snapshot
from support.reference import Fact

if TYPE_CHECKING:
    import pytest

API = Fact(0, 0, provider=1, evidence=2, mode=0, requirement=0, alertable=False)


def ends(arrow: str) -> tuple[ServiceKey, ServiceKey]:
    source, target = arrow.split(">")
    return parse_id(source), parse_id(target)


def test_an_edge_that_closes_a_circle_is_told_with_the_shortest_way_round() -> None:
    (told,) = closing(shop.snapshot(), [ends("shop/checkout>shop/new"), ends("shop/new>shop/frontend")])
    assert told.code == "PartOfCycle"
    assert told.cycle is None
    assert told.message == (
        "shop/checkout → shop/new is part of a circle of 4 services:"
        " shop/checkout → shop/new → shop/frontend → shop/checkout"
    )


def test_an_edge_on_no_circle_is_not_told() -> None:
    assert closing(shop.snapshot(), [ends("shop/frontend>shop/new"), ends("shop/new>shop/other")]) == []
    assert closing(shop.snapshot(), []) == []


def test_what_is_stale_or_in_quarantine_closes_nothing() -> None:
    assert closing(shop.snapshot(), [ends("shop/legacy>shop/frontend")]) == []
    assert closing(shop.snapshot(), [ends("shop/frontend>-/unknown")]) == []


def test_two_edges_of_one_circle_are_one_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = snapshot([API._replace(source=0, target=1)], 6)
    sent = [(service(a), service(b)) for a, b in [(1, 2), (2, 0), (3, 4), (4, 3)]]
    assert [one.message.split(" is ")[0] for one in closing(graph, sent)] == [
        "shop/s0001 → shop/s0002", "shop/s0003 → shop/s0004"
    ]  # fmt: skip
    monkeypatch.setattr(module, "MOST", 1)
    assert len(closing(graph, sent)) == 1


def distances(edges: set[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Hops from each to each that it reaches, itself in none (Floyd and Warshall)."""
    found = {pair: 1 for pair in edges if pair[0] != pair[1]} | {(at, at): 0 for at in range(7)}
    for via, begin, end in product(range(7), repeat=3):
        if (begin, via) in found and (via, end) in found:
            hops = found[begin, via] + found[via, end]
            found[begin, end] = min(hops, found.get((begin, end), hops))
    return found


@given(st.lists(facts(6), max_size=12), st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=6))
def test_each_circle_is_told_that_a_search_of_another_kind_finds(
    given_facts: list[Fact], pairs: list[tuple[int, int]]
) -> None:
    pairs = [pair for pair in pairs if pair[0] != pair[1]]
    graph = snapshot(given_facts, 6)
    ends_of = zip(graph.edges.source.tolist(), graph.edges.target.tolist(), graph.clear, strict=True)
    edges = {(a, b) for a, b, clear in ends_of if clear} | set(pairs)
    hops = distances(edges)
    circles = {
        frozenset(at for at in range(7) if (a, at) in hops and (at, a) in hops)
        for a, b in pairs
        if (b, a) in hops
    }
    told = closing(graph, [(service(a), service(b)) for a, b in pairs])
    assert len(told) == len(circles)
    for one in told:
        way = [int(name[-4:]) for name in one.message.rpartition(": ")[2].split(" → ")]
        (circle,) = [found for found in circles if way[0] in found]
        assert f"a circle of {len(circle)} services" in one.message
        assert (way[0], way[1]) in pairs
        assert way[0] == way[-1]
        assert edges.issuperset(pairwise(way))
        assert len(way) - 2 == hops[way[1], way[0]]
