from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from servicegraph.graph import witness
from servicegraph.graph.closure import Closure
from servicegraph.graph.components import Component, find_circles, has_circle
from servicegraph.graph.cuts import EXACT_EDGES, GREEDY_EDGES, MINIMAL_MEMBERS, cheapest_cut
from servicegraph.graph.explanation import explain
from servicegraph.graph.ordering import eades_lin_smyth
from servicegraph.graph.severity import is_accepted, severity
from servicegraph.graph.strength import COST, Strength
from servicegraph.graph.witness import MAX_STARTS, shortest_circle
from servicegraph.model.alert import MAX_CUT, Severity
from servicegraph.model.ids import ServiceKey
from support import circles as plain
from support import graphs
from support.circles import Pair, Tie
from support.reference import Fact, merged

if TYPE_CHECKING:
    from collections.abc import Iterable

ties = st.builds(Tie, st.integers(0, 2), st.integers(0, 2), st.booleans())


def edges_among(nodes: int) -> st.SearchStrategy[plain.Edges]:
    pairs = st.tuples(st.integers(0, nodes - 1), st.integers(0, nodes - 1)).filter(
        lambda pair: pair[0] != pair[1]
    )
    return st.dictionaries(pairs, ties)


def component_of(edges: plain.Edges) -> Component:
    """One component made of edges whose nodes are numbered from 0; they must all be tied together."""
    order = sorted(edges)
    flags = [Tie(*edges[pair]) for pair in order]
    strength = [0 if tie.mode == 2 else tie.requirement + 1 for tie in flags]
    return Component(
        size=1 + max(max(pair) for pair in order),
        source=np.array([pair[0] for pair in order], np.int32),
        target=np.array([pair[1] for pair in order], np.int32),
        strength=np.array(strength, np.uint8),
        accepted=np.array([tie.accepted for tie in flags], np.bool_),
    )


def ring(size: int, chords: Iterable[Pair] = ()) -> Component:
    return component_of(
        {(at, (at + 1) % size): Tie() for at in range(size)} | {pair: Tie() for pair in chords}
    )


@st.composite
def tied(draw: st.DrawFn, nodes: int = 6) -> plain.Edges:
    """Edges that tie all their nodes together: a circle through all, and any others."""
    size = draw(st.integers(2, nodes))
    edges = draw(edges_among(size))
    return edges | {(at, (at + 1) % size): draw(ties) for at in range(size)}


def left(component: Component, cut: np.ndarray) -> set[Pair]:
    return set(zip(component.source[~cut].tolist(), component.target[~cut].tolist(), strict=True))


def is_circle_of(walk: list[int], component: Component) -> bool:
    steps = set(pairwise(walk))
    return (
        walk[0] == walk[-1]
        and len(set(walk)) == len(walk) - 1
        and steps <= left(component, np.zeros(len(component.source), np.bool_))
    )


@given(st.lists(graphs.facts(nodes=6), max_size=25))
def test_components_are_those_of_plain_reachability_over_alertable_edges(facts: list[Fact]) -> None:
    snapshot = graphs.snapshot(facts)
    known = merged(facts, graphs.GROUPS)
    pairs = {pair for pair, edge in known.items() if edge.alertable and not edge.quarantined}
    found = find_circles(snapshot)
    sets = [frozenset(found.members_of(number).tolist()) for number in range(len(found))]
    assert set(sets) == plain.components(pairs)
    assert [min(one) for one in sets] == sorted(min(one) for one in sets)
    for number, members in enumerate(sets):
        edges = found.edges_of(number)
        ends = zip(snapshot.edges.source[edges].tolist(), snapshot.edges.target[edges].tolist(), strict=True)
        assert list(ends) == sorted((a, b) for a, b in pairs if a != b and a in members and b in members)
        assert {int(at) for at in np.flatnonzero(found.label == number)} == members


@given(tied())
def test_a_component_by_itself_says_what_its_edges_say(edges: plain.Edges) -> None:
    facts = [
        Fact(a + 2, b + 2, mode=tie.mode, requirement=tie.requirement, accepted=tie.accepted)
        for (a, b), tie in edges.items()
    ]
    found = find_circles(graphs.snapshot([*facts, Fact(0, 3), Fact(4, 1)]))
    alone = component_of(edges)
    assert len(found) == 1
    assert found.component(0).shape == alone.shape
    assert found.component(0).source.tolist() == alone.source.tolist()


@given(tied(), tied())
def test_shapes_are_equal_only_where_edges_are(some: plain.Edges, others: plain.Edges) -> None:
    def essence(edges: plain.Edges) -> dict[Pair, tuple[int, bool]]:
        return {
            pair: (2 if tie.mode == 2 else tie.requirement - 3, tie.accepted) for pair, tie in edges.items()
        }

    assert (component_of(some).shape == component_of(others).shape) == (essence(some) == essence(others))


def test_a_graph_without_alertable_edges_has_no_circles() -> None:
    both_ways = [Fact(0, 1), Fact(1, 0)]
    assert len(find_circles(graphs.snapshot([]))) == 0
    assert len(find_circles(graphs.snapshot([], 0))) == 0
    assert len(find_circles(graphs.snapshot([fact._replace(alertable=False) for fact in both_ways]))) == 0
    assert len(find_circles(graphs.snapshot([both_ways[0], both_ways[1]._replace(quarantined=True)]))) == 0
    assert len(find_circles(graphs.snapshot([Fact(3, 3)]))) == 0
    assert len(find_circles(graphs.snapshot(both_ways))) == 1


def test_an_edge_within_a_circle_that_is_not_alertable_has_no_part_in_it() -> None:
    ring = [Fact(at, (at + 1) % 4, mode=2 if at == 3 else 1) for at in range(4)]
    chord = Fact(2, 0, provider=1, evidence=2, alertable=False)
    found = find_circles(graphs.snapshot([*ring, chord]))
    assert len(found.edges_of(0)) == 4
    assert severity(found.component(0)) == "Info"


@given(tied())
def test_severity_and_acceptance_are_those_of_all_simple_circles(edges: plain.Edges) -> None:
    component = component_of(edges)
    walks = plain.simple_circles(set(edges), frozenset(range(component.size)))
    assert severity(component) == plain.severity(edges, walks)
    assert is_accepted(component) == plain.accepted(edges, walks)


@pytest.mark.parametrize(
    ("back", "expected"),
    [
        (Tie(1, 2), "Critical"),
        (Tie(0, 2), "Critical"),
        (Tie(1, 1), "Warning"),
        (Tie(1, 0), "Warning"),
        (Tie(2, 2), "Info"),
    ],
)
def test_severity_follows_the_loosest_edge_of_a_circle(back: Tie, expected: str) -> None:
    assert severity(component_of({(0, 1): Tie(), (1, 0): back})) == expected


@given(tied(nodes=5).filter(lambda edges: len(edges) <= 10))
def test_no_cut_is_cheaper_than_the_exact_one(edges: plain.Edges) -> None:
    component = component_of(edges)
    cut = cheapest_cut(component)
    walks = plain.simple_circles(set(edges), frozenset(range(component.size)))
    assert plain.components(left(component, cut)) == set()
    assert COST[component.strength[cut]].sum() == plain.cheapest(edges, walks)


@given(tied(nodes=9))
def test_at_most_half_of_the_weight_goes_back_in_the_greedy_order(edges: plain.Edges) -> None:
    # The bound that Eades, Lin and Smyth prove.
    component = component_of(edges)
    rank = eades_lin_smyth(component)
    cost = COST[component.strength]
    assert sorted(rank) == list(range(component.size))
    assert 2 * cost[rank[component.source] > rank[component.target]].sum() <= cost.sum()


@settings(max_examples=50)
@given(tied(nodes=9).filter(lambda edges: len(edges) > EXACT_EDGES))
def test_every_edge_of_a_greedy_cut_is_needed(edges: plain.Edges) -> None:
    component = component_of(edges)
    cut = cheapest_cut(component)
    assert plain.components(left(component, cut)) == set()
    for edge in np.flatnonzero(cut):
        assert component.source[edge] in plain.reachable(left(component, cut), int(component.target[edge]))


@given(tied(nodes=9))
def test_the_witness_is_a_circle_and_none_is_shorter(edges: plain.Edges) -> None:
    component = component_of(edges)
    walk = shortest_circle(component, cheapest_cut(component))
    assert is_circle_of(walk, component)
    assert len(walk) - 1 == plain.shortest(set(edges), frozenset(range(component.size)))


@given(st.integers(12, 90), st.integers(0, 12), st.randoms())
def test_the_witness_of_a_long_circle_with_few_short_cuts_is_a_shortest(
    size: int, chords: int, random: Random
) -> None:
    pairs = {(random.randrange(size), random.randrange(size)) for _ in range(chords)}
    component = ring(size, [pair for pair in pairs if pair[0] != pair[1]])
    walk = shortest_circle(component, cheapest_cut(component))
    edges = left(component, np.zeros(len(component.source), np.bool_))
    assert is_circle_of(walk, component)
    assert len(walk) - 1 == plain.shortest(edges, frozenset(range(size)))


@pytest.mark.parametrize("shortest", [2, 3])
def test_the_shortest_circle_is_found_though_many_walks_start_before_it(
    shortest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        witness, "_WORDS_AT_ONCE", 1
    )  # so that walks start from 64 members at once, of hundreds
    circles = 300
    chords = [(5 * at + shortest, 5 * at) for at in range(circles - 1)]
    component = ring(5 * circles, [*chords, (5 * circles - 6 + shortest, 5 * circles - 5)])
    walk = shortest_circle(component, cheapest_cut(component))
    assert is_circle_of(walk, component)
    assert len(walk) - 1 == shortest
    assert walk[0] // 5 == circles - 1


@given(st.integers(0, 10**9).map(Random))
def test_a_closure_knows_who_reaches_whom_after_every_edge(random: Random) -> None:
    order = random.sample(range(70), 70)
    rank = np.argsort(order)
    pairs = sorted({tuple(sorted(random.sample(range(70), 2))) for _ in range(90)})
    edges = [(order[first], order[second]) for first, second in pairs]
    random.shuffle(edges)
    known, later = sorted(edges[:40]), edges[40:]
    closure = Closure(rank, np.array([a for a, _ in known]), np.array([b for _, b in known]))
    for source, target in later:
        closure.add(source, target)
    for start in random.sample(range(70), 5):
        reached = plain.reachable(set(edges), start) | {start}
        assert {far for far in range(70) if closure.reaches(start, far)} == reached


@given(st.permutations(range(30)), st.lists(ties, min_size=2, max_size=30))
def test_of_a_ring_of_any_size_the_cheapest_edge_is_cut_and_the_loosest_tells_how_bad_it_is(
    order: list[int], tied_by: list[Tie]
) -> None:
    size = len(tied_by)
    places = [at for at in order if at < size]
    component = component_of({(places[at], places[(at + 1) % size]): tie for at, tie in enumerate(tied_by)})
    cost = COST[component.strength].tolist()
    (cut,) = np.flatnonzero(cheapest_cut(component)).tolist()
    assert (cost[cut], cut) == min(zip(cost, range(size), strict=True))
    loosest = Strength(int(component.strength.min()))
    assert severity(component) == {
        Strength.ASYNC: Severity.INFO,
        Strength.SYNC_HARD: Severity.CRITICAL,
    }.get(loosest, Severity.WARNING)
    walk = shortest_circle(component, cheapest_cut(component))
    assert is_circle_of(walk, component)
    assert len(walk) == size + 1


def test_a_circle_of_two_thousand_is_its_own_witness_and_any_edge_cuts_it() -> None:
    component = ring(2_000)
    cut = cheapest_cut(component)
    walk = shortest_circle(component, cut)
    assert int(cut.sum()) == 1
    assert is_circle_of(walk, component)
    assert len(walk) == 2_001


def test_the_cut_of_a_dense_component_leaves_no_circle_and_needs_every_edge() -> None:
    size = 160
    component = component_of(
        {(a, b): Tie(1 + (a + b) % 2) for a in range(size) for b in range(size) if a != b}
    )
    assert len(component.source) > GREEDY_EDGES
    cut = cheapest_cut(component)
    # Of each two that call each other, exactly one call can stay.
    assert int(cut.sum()) == size * (size - 1) // 2
    assert not has_circle(size, component.source[~cut], component.target[~cut])


def test_the_cut_of_a_very_large_component_leaves_no_circle() -> None:
    size = MINIMAL_MEMBERS + 1
    component = ring(size, [(at, (at * 7 + 3) % size) for at in range(0, size, 5) if (at * 6 + 3) % size])
    cut = cheapest_cut(component)
    assert not has_circle(size, component.source[~cut], component.target[~cut])


def test_a_witness_is_found_where_more_members_close_circles_than_walks_may_start() -> None:
    # Three thick layers that call each other in turn: every circle has three members or a multiple of them.
    width = MAX_STARTS + 500
    random = np.random.default_rng(4)
    layers = [
        (layer * width + at, (layer + 1) % 3 * width + far)
        for layer in range(3)
        for at in range(width)
        for far in {at, int(random.integers(width)), int(random.integers(width))}
    ]
    turn = [(at, width + (at + 1) % width) for at in range(width)]  # ties all layers together
    component = component_of(dict.fromkeys([*layers, *turn], Tie()))
    cut = cheapest_cut(component)
    assert min(len(np.unique(component.source[cut])), len(np.unique(component.target[cut]))) > MAX_STARTS
    walk = shortest_circle(component, cut)
    assert is_circle_of(walk, component)
    assert len(walk) == 4


@given(tied())
def test_an_explanation_names_the_cut_with_reasons_and_begins_the_witness_at_its_smallest_id(
    edges: plain.Edges,
) -> None:
    component = component_of(edges)
    # In the order of keys, which is not that of ids: "a-b/…" is printed before "a/…".
    members = [ServiceKey("", "a" if at < 3 else "a-b", f"s{at}", "Service") for at in range(component.size)]
    said = explain(component, members)
    assert said.witness[0] == said.witness[-1] == min(said.witness, key=str)
    place = {key: at for at, key in enumerate(members)}
    assert is_circle_of([place[key] for key in said.witness], component)
    assert said.cut_size == len(said.cut)
    for cut in said.cut:
        tie = edges[place[cut.source], place[cut.target]]
        words = ["unknown requirement", "Soft", "Sync and Hard"][tie.requirement]
        assert cut.reason == ("Async" if tie.mode == 2 else words)


def test_an_explanation_keeps_the_cheapest_edges_of_a_large_cut_and_says_how_many_there_are() -> None:
    size = 20
    component = component_of(
        {(a, b): Tie(1 + (a * b) % 2) for a in range(size) for b in range(size) if a != b}
    )
    said = explain(component, [graphs.service(at) for at in range(size)])
    assert len(said.cut) == MAX_CUT < said.cut_size == size * (size - 1) // 2
    cut = cheapest_cut(component)
    asynchronous = int((component.strength[cut] == Strength.ASYNC).sum())
    assert sum(one.reason == "Async" for one in said.cut) == min(asynchronous, MAX_CUT)
