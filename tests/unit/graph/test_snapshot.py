from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicegraph.errors import UnknownService
from servicegraph.graph.columns import Node
from servicegraph.model.ids import ServiceKey
from support import graphs
from support.reference import Fact


def key(name: str, kind: str = "Service", namespace: str = "shop", cluster: str = "") -> ServiceKey:
    return ServiceKey(cluster, namespace, name, kind)


def nodes(*keys: ServiceKey) -> list[Node]:
    return [Node(one, stated=True) for one in keys]


@given(st.permutations(range(8)), st.lists(graphs.facts(), max_size=30))
def test_the_order_in_which_nodes_are_stored_changes_nothing(order: list[int], facts: list[Fact]) -> None:
    place = {node: at for at, node in enumerate(order)}
    moved = [fact._replace(source=place[fact.source], target=place[fact.target]) for fact in facts]
    one = graphs.snapshot(facts, nodes(*(graphs.service(at) for at in range(8))))
    other = graphs.snapshot(moved, nodes(*(graphs.service(at) for at in order)))
    assert [node.key for node in one.nodes] == [node.key for node in other.nodes]
    for column in ("source", "target", "flags", "confidence"):
        assert getattr(one.edges, column).tolist() == getattr(other.edges, column).tolist()


@given(st.lists(graphs.facts(), max_size=40))
def test_both_directions_hold_every_edge_once(facts: list[Fact]) -> None:
    snapshot = graphs.snapshot(facts)
    edges = sorted(range(len(snapshot.edges)))
    for way, near, far in (
        (snapshot.outgoing, snapshot.edges.source, snapshot.edges.target),
        (snapshot.incoming, snapshot.edges.target, snapshot.edges.source),
    ):
        assert sorted(way.edge.tolist()) == edges
        for node in range(len(snapshot.nodes)):
            slots = slice(int(way.start[node]), int(way.start[node + 1]))
            assert set(near[way.edge[slots]].tolist()) <= {node}
            assert far[way.edge[slots]].tolist() == way.far[slots].tolist()


def test_every_key_is_found_at_its_position() -> None:
    keys = [key("a"), key("a", "Datastore"), key("a-b"), key("b", cluster="west"), key("c", "External", "")]
    snapshot = graphs.snapshot([], nodes(*keys))
    for one in keys:
        at = snapshot.position(one)
        assert at is not None
        assert snapshot.nodes[at].key == one
    assert snapshot.position(key("zebra")) is None
    assert snapshot.position(key("")) is None


def test_without_a_kind_the_service_is_meant() -> None:
    snapshot = graphs.snapshot([], nodes(key("orders"), key("orders", "Datastore"), key("orders", "Queue")))
    assert snapshot.nodes[snapshot.find("shop", "orders")].key == key("orders")
    assert snapshot.nodes[snapshot.find("shop", "orders", "Queue")].key == key("orders", "Queue")


def test_without_a_kind_the_only_node_of_that_name_is_found() -> None:
    snapshot = graphs.snapshot([], nodes(key("orders", "Datastore"), key("orders", "Queue", "other")))
    assert snapshot.nodes[snapshot.find("shop", "orders")].key == key("orders", "Datastore")


def test_several_nodes_and_no_service_are_listed_as_candidates() -> None:
    snapshot = graphs.snapshot([], nodes(key("orders", "Datastore"), key("orders", "Queue")))
    with pytest.raises(UnknownService, match="kind=") as raised:
        snapshot.find("shop", "orders")
    assert raised.value.candidates == ("shop/orders:datastore", "shop/orders:queue")


def test_a_wrong_kind_is_not_replaced_by_the_only_node_of_that_name() -> None:
    snapshot = graphs.snapshot([], nodes(key("orders", "Datastore")))
    with pytest.raises(UnknownService) as raised:
        snapshot.find("shop", "orders", "Queue")
    assert raised.value.candidates == ("shop/orders:datastore",)


def test_an_unknown_name_has_no_candidates() -> None:
    snapshot = graphs.snapshot([], nodes(key("orders")))
    with pytest.raises(UnknownService, match="shop/order is known") as raised:
        snapshot.find("shop", "order")
    assert raised.value.candidates == ()


def test_a_service_of_another_cluster_is_found_only_there() -> None:
    snapshot = graphs.snapshot([], nodes(key("orders", cluster="west")))
    assert snapshot.find("shop", "orders", cluster="west") == 0
    with pytest.raises(UnknownService):
        snapshot.find("shop", "orders")


@pytest.mark.parametrize("stale", [True, False])
@pytest.mark.parametrize("quarantined", [True, False])
@pytest.mark.parametrize("include_stale", [True, False])
@pytest.mark.parametrize("include_quarantined", [True, False])
def test_a_node_known_only_through_doubtful_evidence_is_shown_on_request(
    stale: bool, quarantined: bool, include_stale: bool, include_quarantined: bool
) -> None:
    doubtful = Fact(0, 1, provider=3, evidence=3, stale=stale, quarantined=quarantined)
    snapshot = graphs.snapshot([doubtful], [Node(graphs.service(0), stated=True), Node(graphs.service(1))])
    asked = {"include_stale": include_stale, "include_quarantined": include_quarantined}
    shown = (include_stale or not stale) and (include_quarantined or not quarantined)
    assert snapshot.is_shown(0, **asked)
    assert snapshot.is_shown(1, **asked) == shown
    assert snapshot.shown(**asked).tolist() == ([0, 1] if shown else [0])


def test_a_node_that_nothing_names_is_not_shown() -> None:
    snapshot = graphs.snapshot([], 1, stated=False)
    assert not snapshot.is_shown(0, include_stale=True, include_quarantined=True)
    with pytest.raises(UnknownService):
        snapshot.find("shop", "s0000")


def test_an_empty_database_is_an_empty_snapshot() -> None:
    snapshot = graphs.snapshot([], 0)
    assert (snapshot.nodes, len(snapshot.edges), snapshot.shown().tolist()) == ((), 0, [])
