from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from servicegraph.graph.columns import NO_OBJECT, Node, ObjectName
from servicegraph.graph.drift import Drift, declaring, drift, scope_of
from servicegraph.graph.reality import reality
from servicegraph.graph.snapshot import Snapshot, build
from servicegraph.model.ids import ServiceKey
from support import graphs
from support.reference import Fact, merged

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Pair = tuple[int, int]

PLACES = ("infra", "infra", "shop", "shop", "shop", "shop")
KINDS = ("Service", "Queue", "Datastore", "Queue", "Service", "Service")
TEAMS = (None, "red", "red", None, "blue", "red")
NODES = [
    Node(ServiceKey("", place, f"s{at}", kind), team=team, stated=True)
    for at, (place, kind, team) in enumerate(zip(PLACES, KINDS, TEAMS, strict=True))
]
OBJECTS = [NO_OBJECT, *(ObjectName("shop", f"o{rank}") for rank in range(1, 4))]
ASYNC = 2


def graph_of(facts: Sequence[Fact]) -> Snapshot:
    return build(
        graphs.MARK, NODES, graphs.PROVIDERS, graphs.PROTOCOLS, graphs.columns(facts), objects=OBJECTS
    )


def told(snapshot: Snapshot, found: Drift) -> dict[str, list[Pair]]:
    """The lists, as pairs of nodes."""

    def pairs(positions: Iterable[int]) -> list[Pair]:
        return [(int(snapshot.edges.source[at]), int(snapshot.edges.target[at])) for at in positions]

    return {
        "declared_only": pairs(found.declared_only),
        "observed_only": pairs(found.observed_only),
        "both": pairs(found.both),
        "swapped": pairs(found.swapped),
    }


def by_hand(facts: list[Fact], namespace: str | None, team: str | None) -> dict[str, list[Pair]]:
    """The same lists from plain sets of pairs."""
    mode = {pair: edge.mode for pair, edge in merged(facts, graphs.GROUPS).items()}
    declared = {fact[:2] for fact in facts if fact.provider == 0}
    optional = {fact[:2] for fact in facts if fact.provider == 0 and fact.optional}
    seen = {fact[:2] for fact in facts if fact.provider >= 3 and not fact.stale and not fact.quarantined}
    queues = {
        at: {other for pair in declared if at in pair for other in pair if KINDS[other] == "Queue"} - {at}
        for at in range(len(NODES))
    }
    for at, kind in enumerate(KINDS):
        if kind == "Queue" and (at, at) in declared:
            queues[at].add(at)
    missing = {pair for pair in declared - seen - optional if all(KINDS[end] != "Queue" for end in pair)}
    extra = {(a, b) for a, b in seen - declared if not (mode[a, b] == ASYNC and queues[a] & queues[b])}
    swapped = {(a, b) for a, b in missing if (b, a) in extra}
    lists = {
        "declared_only": missing - swapped,
        "observed_only": extra - {(b, a) for a, b in swapped},
        "both": declared & seen,
        "swapped": swapped,
    }
    return {
        name: sorted(
            pair
            for pair in pairs
            if (namespace is None or namespace in {PLACES[end] for end in pair})
            and (team is None or team in {TEAMS[end] for end in pair})
        )
        for name, pairs in lists.items()
    }


@given(
    st.lists(graphs.facts(nodes=len(NODES)), max_size=40),
    st.sampled_from([None, "infra", "shop", "nowhere"]),
    st.sampled_from([None, "red", "blue", "nobody"]),
)
def test_drift_is_what_plain_sets_of_pairs_tell(
    facts: list[Fact], namespace: str | None, team: str | None
) -> None:
    snapshot = graph_of(facts)
    found = drift(snapshot, scope_of(snapshot, namespace, team))
    assert told(snapshot, found) == by_hand(facts, namespace, team)
    assert not found.truncated


@given(st.lists(graphs.facts(nodes=len(NODES)), max_size=40), st.integers(1, 3))
def test_a_long_list_keeps_its_beginning_and_says_that_it_is_cut(facts: list[Fact], most: int) -> None:
    snapshot = graph_of(facts)
    scope = scope_of(snapshot)
    whole, cut = told(snapshot, drift(snapshot, scope)), drift(snapshot, scope, most)
    assert told(snapshot, cut) == {name: pairs[:most] for name, pairs in whole.items()}
    assert cut.truncated == any(len(pairs) > most for pairs in whole.values())


@given(st.lists(graphs.facts(nodes=len(NODES)), max_size=40))
def test_an_edge_is_in_one_list_at_most(facts: list[Fact]) -> None:
    snapshot = graph_of(facts)
    found = drift(snapshot, scope_of(snapshot))
    instead = reality(snapshot).reverse[found.swapped]
    lists = np.concatenate((found.declared_only, found.observed_only, found.both, found.swapped, instead))
    assert len(lists) == len(np.unique(lists))


@given(st.lists(graphs.facts(nodes=len(NODES)), max_size=40))
def test_the_objects_of_a_service_are_those_that_declare_a_call_of_it(facts: list[Fact]) -> None:
    expected: dict[int, set[ObjectName]] = {}
    for fact in facts:
        if fact.provider == 0 and OBJECTS[fact.rank] != NO_OBJECT:
            expected.setdefault(fact.source, set()).add(OBJECTS[fact.rank])
    found = declaring(graph_of(facts), range(len(NODES)))
    assert {source: set(names) for source, names in found.items()} == expected
