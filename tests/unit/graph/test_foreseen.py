"""A change laid over a graph closes the circles that the graph has once the change is made, found in either way."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from servicegraph.graph import foreseen
from servicegraph.graph.blank import blank
from servicegraph.graph.columns import Node, ObjectName
from servicegraph.graph.foreseen import Foreseen, foresee
from servicegraph.graph.overlay import Claim, Overlay
from servicegraph.model.ids import ServiceKey
from servicegraph.model.observation import Observation
from servicegraph.model.vocabulary import Flag, Mode, Requirement
from support import graphs
from support.alerting import BEGINNING
from support.changing import World, alerts_of, graph, proposals, worlds
from support.reference import Fact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servicegraph.graph.snapshot import Snapshot

    Ends = tuple[ServiceKey, ServiceKey]


def laid(world: World, before: Snapshot) -> Overlay:
    """The change over the graph before it."""
    added = proposals(world.added)
    claims = [Claim(one.object, edge) for one in added for edge in one.observations]
    return Overlay(before, {*world.added, *world.removed}, claims, BEGINNING)


def alertable(snapshot: Snapshot) -> set[Ends]:
    """The edges that may raise an alert."""
    flags = snapshot.edges.flags
    marked = (flags & Flag.ALERTABLE != 0) & (flags & Flag.QUARANTINED == 0)
    return {
        (snapshot.nodes[a].key, snapshot.nodes[b].key)
        for a, b, is_alertable in zip(snapshot.edges.source, snapshot.edges.target, marked, strict=True)
        if is_alertable and a != b
    }


def shortest(edges: set[Ends], new: Ends) -> int:
    """The length of a shortest circle through an edge, by a plain walk back to its source."""
    source, target = new
    hops = {target: 1}
    waiting = deque([target])
    while waiting:
        node = waiting.popleft()
        for a, b in edges:
            if a == node and b not in hops:
                hops[b] = hops[node] + 1
                waiting.append(b)
    return hops[source]


def expected(world: World, before: Snapshot) -> Iterator[tuple[tuple[ServiceKey, ...], set[Ends]]]:
    """Members and new edges of the components that have some, unless an alert covered them all."""
    after = graph(world.after, world.seen)
    new = alertable(after) - alertable(before)
    known = [set(alert.members) for alert in before.alerts]
    for alert in alerts_of(after).alerts.by_name.values():
        members = set(alert.members)
        inside = {ends for ends in new if members.issuperset(ends)}
        if inside and not any(members <= one for one in known):
            yield alert.members, inside


@pytest.mark.parametrize("few", [0, foreseen.FEW])
@given(world=worlds)
def test_the_circles_foreseen_are_those_of_the_graph_built_anew(few: int, world: World) -> None:
    bare = graph(world.before, world.seen, whole=False)
    before = graph(world.before, world.seen, alerts_of(bare).alerts, whole=False)
    after = graph(world.after, world.seen)
    edges = alertable(after)
    alerts = {alert.members: alert for alert in alerts_of(after).alerts.by_name.values()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(foreseen, "FEW", few)
        found = {one.members: one for one in foresee(laid(world, before))}
    wanted = dict(expected(world, before))
    assert found.keys() == wanted.keys()
    for members, one in found.items():
        alert = alerts[members]
        assert (one.severity, one.accepted) == (alert.severity, alert.accepted)
        assert one.circle[0] == one.circle[-1]
        steps = list(pairwise(one.circle))
        assert edges.issuperset(steps)
        assert steps[0] in wanted[members]
        assert len(steps) == min(shortest(edges, new) for new in wanted[members])
        _knows_alerts(one, before)


def _knows_alerts(one: Foreseen, before: Snapshot) -> None:
    touched = {
        alert.name: set(alert.members) for alert in before.alerts if set(alert.members) & set(one.members)
    }
    assert set(one.alerts) == touched.keys()
    largest = touched[one.alerts[0]] if touched else set()
    assert set(one.joined) == set(one.members) - largest
    assert one.joined


@given(worlds)
def test_the_edges_that_come_and_go_are_those_that_differ(world: World) -> None:
    seen = [fact for fact in world.seen if not fact.quarantined]
    before, after = graph(world.before, seen, whole=False), graph(world.after, seen)

    def ends(snapshot: Snapshot) -> set[Ends]:
        pairs = zip(snapshot.edges.source, snapshot.edges.target, strict=True)
        return {(snapshot.nodes[a].key, snapshot.nodes[b].key) for a, b in pairs}

    overlay = laid(world, before)
    assert {(overlay.key(a), overlay.key(b)) for a, b in overlay.fresh} == ends(after) - ends(before)
    assert {(overlay.key(a), overlay.key(b)) for a, b in overlay.gone} == ends(before) - ends(after)


def ring(size: int) -> list[Claim]:
    """Sync and Hard edges of so many services in a ring."""
    keys = [ServiceKey("", "shop", f"s{number:04}", "Service") for number in range(size)]
    return [
        Claim(
            ObjectName("shop", source.name),
            Observation("", {}, source, target, mode=Mode.SYNC, requirement=Requirement.HARD),
        )
        for source, target in zip(keys, [*keys[1:], keys[0]], strict=True)
    ]


@pytest.mark.parametrize("few", [0, 1_000])
def test_a_ring_longer_than_a_walk_can_count_is_found(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreseen, "FEW", few)
    (one,) = foresee(Overlay(blank(), (), ring(600), BEGINNING))
    assert one.severity == "Critical"
    assert len(one.circle) == 601
    assert len(one.members) == 600


def test_a_long_chain_is_closed_by_one_edge_of_the_graph_or_of_the_change() -> None:
    *chain, last = ring(600)
    keys = [claim.edge.source for claim in chain] + [last.edge.source]
    place = {key: at for at, key in enumerate(keys)}
    facts = [Fact(place[claim.edge.source], place[claim.edge.target]) for claim in chain]
    graph_of_chain = graphs.snapshot(facts, [Node(key) for key in keys])
    (one,) = foresee(Overlay(graph_of_chain, (), [last], BEGINNING))
    assert one.circle == (keys[-1], *keys)
    assert one.claim == 0
