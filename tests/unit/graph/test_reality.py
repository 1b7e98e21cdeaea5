from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from servicegraph.graph.columns import Node, Provider
from servicegraph.graph.reality import reality
from servicegraph.graph.snapshot import Snapshot, build
from servicegraph.model.ids import Kind, ServiceKey
from servicegraph.model.vocabulary import Flag
from support import graphs
from support.reference import Fact

if TYPE_CHECKING:
    from collections.abc import Sequence

A, B, C, DATA, QUEUE, OUTSIDE = range(6)
KINDS = ("Service", "Service", "Service", "Datastore", "Queue", "External")
NODES = [Node(ServiceKey("", "shop", f"s{at}", kind), stated=True) for at, kind in enumerate(KINDS)]
OTEL = 3
ASYNC = 2

Pair = tuple[int, int]


def graph_of(facts: Sequence[Fact], providers: Sequence[Provider] = graphs.PROVIDERS) -> Snapshot:
    return build(graphs.MARK, NODES, providers, graphs.PROTOCOLS, graphs.columns(facts))


def seen(source: int, target: int, mode: int = 1) -> Fact:
    return Fact(source, target, provider=OTEL, evidence=3, mode=mode, requirement=0)


def pairs(snapshot: Snapshot, which: str) -> set[Pair]:
    """The edges that one of the columns marks."""
    ends = zip(snapshot.edges.source.tolist(), snapshot.edges.target.tolist(), strict=True)
    marks = getattr(reality(snapshot), which).tolist()
    return {pair for pair, mark in zip(ends, marks, strict=True) if mark}


def by_hand(facts: Sequence[Fact], snapshot: Snapshot) -> dict[str, set[Pair]]:
    """The same, found pair by pair."""
    every = {fact[:2] for fact in facts}
    declared = {fact[:2] for fact in facts if fact.evidence == 1}
    observed = {fact[:2] for fact in facts if fact.evidence > 2 and not (fact.stale or fact.quarantined)}

    def queues(service: int) -> set[int]:
        to = {b for a, b in declared if a == service and KINDS[b] == "Queue"}
        return to | {a for a, b in declared if b == service and KINDS[a] == "Queue"}

    modes = {
        (int(a), int(b)): int(mode)
        for a, b, mode in zip(snapshot.edges.source, snapshot.edges.target, snapshot.edges.mode, strict=True)
    }
    optional = {fact[:2] for fact in facts if fact.evidence == 1 and fact.optional}
    judged = observed | {(a, b) for a, b in every if "Queue" not in {KINDS[a], KINDS[b]}}
    relayed = {(a, b) for a, b in observed - declared if modes[a, b] == ASYNC and queues(a) & queues(b)}
    unseen = (declared & judged) - observed - optional
    undeclared = observed - declared - relayed
    return {
        "declared": declared,
        "observed": observed,
        "optional": optional,
        "judged": judged,
        "relayed": relayed,
        "unseen": unseen,
        "undeclared": undeclared,
        "swapped": {(a, b) for a, b in unseen if (b, a) in undeclared},
    }


@given(st.lists(graphs.facts(nodes=len(NODES)), max_size=40))
def test_every_column_is_what_is_found_pair_by_pair(facts: list[Fact]) -> None:
    snapshot = graph_of(facts)
    expected = by_hand(facts, snapshot)
    assert {which: pairs(snapshot, which) for which in expected} == expected


@given(st.lists(graphs.facts(nodes=len(NODES)), max_size=30))
def test_the_reverse_is_the_edge_between_the_same_two_the_other_way_round(facts: list[Fact]) -> None:
    snapshot = graph_of(facts)
    ends = list(zip(snapshot.edges.source.tolist(), snapshot.edges.target.tolist(), strict=True))
    place = {pair: at for at, pair in enumerate(ends)}
    assert reality(snapshot).reverse.tolist() == [place.get((b, a), -1) for a, b in ends]


def test_a_swapped_declaration_is_recognised_and_two_that_call_each_other_are_not() -> None:
    assert pairs(graph_of([Fact(A, B), seen(B, A)]), "swapped") == {(A, B)}
    both_declared = [Fact(A, B), Fact(B, A), seen(B, A)]
    assert pairs(graph_of(both_declared), "swapped") == set()


def test_a_message_needs_no_declaration_where_both_ends_declare_the_queue() -> None:
    halves = [Fact(A, QUEUE, mode=ASYNC), Fact(B, QUEUE, mode=ASYNC)]
    assert pairs(graph_of([*halves, seen(A, B, mode=ASYNC)]), "undeclared") == set()
    assert pairs(graph_of([*halves, seen(A, B)]), "undeclared") == {(A, B)}
    assert pairs(graph_of([*halves, seen(A, C, mode=ASYNC)]), "undeclared") == {(A, C)}
    assert pairs(graph_of([*halves, seen(A, B, mode=ASYNC)]), "unseen") == set()


def test_nothing_is_judged_without_a_source_of_telemetry() -> None:
    assert pairs(graph_of([Fact(A, B)], [Provider("declared", "declared")]), "judged") == set()


def test_one_source_must_be_able_to_see_both_ends() -> None:
    halves = [Provider("declared", "declared"), Provider("a", "a", frozenset({Kind.SERVICE}))]
    snapshot = graph_of(
        [Fact(A, B), Fact(A, DATA)], [*halves, Provider("b", "b", frozenset({Kind.DATASTORE}))]
    )
    assert pairs(snapshot, "judged") == {(A, B)}


def test_what_was_found_is_kept_with_the_snapshot_and_goes_with_it() -> None:
    snapshot = graph_of([Fact(A, B)])
    found = reality(snapshot)
    assert reality(snapshot) is found
    assert not found.declared.flags.writeable
    alive = weakref.ref(snapshot)
    del snapshot
    gc.collect()
    assert alive() is None


def test_the_optional_flag_of_a_declaration_reaches_the_edge() -> None:
    snapshot = graph_of([Fact(A, B, optional=True), seen(A, B)])
    assert Flag.OPTIONAL in Flag(int(snapshot.edges.flags[0]))
