from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicegraph.errors import BadInput
from servicegraph.graph import frontier
from servicegraph.graph.filters import EdgeFilter
from servicegraph.graph.traverse import Direction, Subgraph, subgraph
from servicegraph.model.vocabulary import Mode, Requirement
from support import graphs
from support.reference import Fact, Wish, merged, within

if TYPE_CHECKING:
    from servicegraph.graph.snapshot import Snapshot

directions = st.sampled_from(list(Direction))


def as_filter(wish: Wish) -> EdgeFilter:
    return EdgeFilter(
        include_stale=wish.include_stale,
        include_quarantined=wish.include_quarantined,
        min_confidence=wish.min_confidence,
        provider=None if wish.provider is None else graphs.PROVIDERS[wish.provider].name,
        mode=None if wish.mode is None else Mode(wish.mode),
        requirement=None if wish.requirement is None else Requirement(wish.requirement),
    )


def pairs(snapshot: Snapshot, found: Subgraph) -> list[tuple[int, int]]:
    sources, targets = snapshot.edges.source[found.edges], snapshot.edges.target[found.edges]
    return list(zip(sources.tolist(), targets.tolist(), strict=True))


def distances(found: Subgraph) -> dict[int, int]:
    return dict(zip(found.nodes.tolist(), found.distance.tolist(), strict=True))


@pytest.mark.parametrize("few", [0, 2, 48])
@given(st.lists(graphs.facts(), max_size=50), directions, st.integers(1, 50), graphs.wishes)
def test_a_walk_finds_what_the_reference_finds(
    few: int, facts: list[Fact], direction: Direction, depth: int, wish: Wish
) -> None:
    snapshot = graphs.snapshot(facts)
    nodes, edges = within(merged(facts, graphs.GROUPS), 0, direction.value, depth, wish)
    with (
        pytest.MonkeyPatch.context() as patch
    ):  # up to `few` nodes are walked by a plain loop, more by arrays
        patch.setattr(frontier, "_FEW_NODES", few)
        found = subgraph(snapshot, 0, direction, depth, as_filter(wish))
    assert distances(found) == nodes
    assert set(pairs(snapshot, found)) == edges
    assert not found.truncated


@given(st.lists(graphs.facts(), max_size=50), directions, st.integers(1, 6))
def test_nodes_come_nearest_first_and_edges_by_source_then_target(
    facts: list[Fact], direction: Direction, depth: int
) -> None:
    snapshot = graphs.snapshot(facts)
    found = subgraph(snapshot, 0, direction, depth)
    order = list(zip(found.distance.tolist(), found.nodes.tolist(), strict=True))
    assert order[0] == (0, 0)
    assert order == sorted(order)
    assert pairs(snapshot, found) == sorted(pairs(snapshot, found))


@given(
    st.lists(graphs.facts(), max_size=50),
    directions,
    st.integers(1, 8),
    st.integers(1, 8),
    st.integers(1, 10),
)
def test_limits_keep_the_nearest_and_say_so(
    facts: list[Fact], direction: Direction, depth: int, max_nodes: int, max_edges: int
) -> None:
    snapshot = graphs.snapshot(facts)
    whole = subgraph(snapshot, 0, direction, depth)
    part = subgraph(snapshot, 0, direction, depth, max_nodes=max_nodes, max_edges=max_edges)
    assert part.nodes.tolist() == whole.nodes[:max_nodes].tolist()
    assert part.distance.tolist() == whole.distance[:max_nodes].tolist()
    kept = distances(part)
    possible = [pair for pair in pairs(snapshot, whole) if set(pair) <= kept.keys()]
    possible.sort(key=lambda pair: (max(kept[pair[0]], kept[pair[1]]), pair))
    assert pairs(snapshot, part) == sorted(possible[:max_edges])
    assert part.truncated == (len(whole.nodes) > max_nodes or len(possible) > max_edges)


def test_a_service_alone_is_its_whole_subgraph() -> None:
    found = subgraph(graphs.snapshot([]), 3, Direction.BOTH, 50)
    assert (distances(found), found.edges.tolist(), found.truncated) == ({3: 0}, [], False)


def test_both_is_no_zig_zag() -> None:
    snapshot = graphs.snapshot([Fact(1, 0), Fact(1, 2), Fact(0, 3), Fact(4, 3)])
    assert distances(subgraph(snapshot, 0, Direction.BOTH, 50)) == {0: 0, 1: 1, 3: 1}


def test_both_shows_the_edges_between_its_halves() -> None:
    snapshot = graphs.snapshot([Fact(1, 0), Fact(0, 2), Fact(1, 2), Fact(2, 1)])
    found = subgraph(snapshot, 0, Direction.BOTH, 1)
    assert pairs(snapshot, found) == [(0, 2), (1, 0), (1, 2), (2, 1)]


def test_a_call_of_a_service_to_itself_is_an_edge() -> None:
    snapshot = graphs.snapshot([Fact(0, 0)])
    found = subgraph(snapshot, 0, Direction.DOWNSTREAM, 3)
    assert (distances(found), pairs(snapshot, found)) == ({0: 0}, [(0, 0)])


def test_quarantined_edges_are_shown_on_request_but_nothing_behind_them() -> None:
    noise = Fact(1, 2, provider=3, evidence=3, quarantined=True)
    snapshot = graphs.snapshot([Fact(0, 1), noise, noise._replace(source=2, target=3), Fact(2, 4)])
    assert distances(subgraph(snapshot, 0)) == {0: 0, 1: 1}
    shown = subgraph(snapshot, 0, depth=50, edge_filter=EdgeFilter(include_quarantined=True))
    assert distances(shown) == {0: 0, 1: 1, 2: 2}
    assert pairs(snapshot, shown) == [(0, 1), (1, 2)]


@pytest.mark.parametrize("depth", [-1, 0, 51])
def test_a_depth_out_of_range_is_refused_with_the_range(depth: int) -> None:
    with pytest.raises(BadInput, match="1 to 50"):
        subgraph(graphs.snapshot([]), 0, Direction.DOWNSTREAM, depth)


@pytest.mark.parametrize("depth", [10, 50])
def test_a_large_component_is_walked_edge_by_edge_not_path_by_path(depth: int) -> None:
    size = 2_000
    ring = [Fact(at, (at + step) % size) for at in range(size) for step in (1, 7, 31, 103, 511)]
    snapshot = graphs.snapshot(ring, size)
    down = subgraph(snapshot, 0, Direction.DOWNSTREAM, depth)
    assert len(down.nodes) > size // 2
    assert down.scanned <= 2 * len(snapshot.edges)
    assert subgraph(snapshot, 0, Direction.BOTH, depth).scanned <= 3 * len(snapshot.edges)


def test_a_limit_bounds_the_work_too() -> None:
    size = 2_000
    chain = [Fact(at, at + 1) for at in range(size - 1)]
    found = subgraph(graphs.snapshot(chain, size), 0, Direction.DOWNSTREAM, 50, max_nodes=10)
    assert found.truncated
    assert found.scanned <= 20
