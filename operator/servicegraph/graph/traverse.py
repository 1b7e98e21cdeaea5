"""What a service depends on and who depends on it: breadth-first walks over a snapshot.

A walk goes level by level and marks what it has reached, so circles cost nothing: each edge is looked at once a direction, and
once more when the edges among the answer are collected. The answer is positions; JSON and pictures are the caller's.
Quarantined edges are shown on request but never walked: `unknown` would otherwise join everything with everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from servicegraph.errors import BadInput
from servicegraph.graph.filters import EdgeFilter
from servicegraph.graph.frontier import FAR, Walk, few_slots, slots_of
from servicegraph.model.vocabulary import Flag

if TYPE_CHECKING:
    import numpy.typing as npt

    from servicegraph.graph.snapshot import Adjacency, Snapshot

    Positions = npt.NDArray[Any]
    Mask = npt.NDArray[np.bool_]

MAX_DEPTH = 50
MAX_NODES = 5_000
MAX_EDGES = 25_000


class Direction(StrEnum):
    """Which way to walk."""

    DOWNSTREAM = "downstream"  # what the root depends on
    UPSTREAM = "upstream"  # what depends on the root
    BOTH = "both"


@dataclass(frozen=True, slots=True, eq=False)
class Subgraph:
    """What a walk has reached, as positions in the snapshot it was walked on."""

    root: int
    direction: Direction
    depth: int
    nodes: npt.NDArray[np.int32]
    """By distance, then position; the root comes first."""
    distance: npt.NDArray[np.uint8]
    """Hops from the root, for each of `nodes`."""
    edges: npt.NDArray[np.int32]
    """All edges among `nodes` that pass the filter, by source, then target."""
    truncated: bool
    """Whether the limits left out nodes or edges; those farthest away go first."""
    scanned: int
    """How many times an edge was looked at."""


def subgraph(
    snapshot: Snapshot,
    root: int,
    direction: Direction = Direction.DOWNSTREAM,
    depth: int = 3,
    edge_filter: EdgeFilter | None = None,
    *,
    max_nodes: int = MAX_NODES,
    max_edges: int = MAX_EDGES,
) -> Subgraph:
    """Everything within `depth` hops of `root`, nearest first.

    `both` is what lies downstream and what lies upstream together, never a zig-zag; a node in both has the smaller distance.

    Raises:
        BadInput: for a depth outside 1 … 50.
    """
    if not 1 <= depth <= MAX_DEPTH:
        raise BadInput(f"depth {depth} is out of range; ask for 1 to {MAX_DEPTH} hops")
    passes = (edge_filter or EdgeFilter()).mask(snapshot)
    ways = {Direction.DOWNSTREAM: [snapshot.outgoing], Direction.UPSTREAM: [snapshot.incoming]}.get(
        direction, [snapshot.outgoing, snapshot.incoming]
    )
    walked = passes
    dead_ends = None
    if edge_filter is not None and edge_filter.include_quarantined:
        dead_ends = passes & ((snapshot.edges.flags & np.uint8(Flag.QUARANTINED)) != 0)
        walked = passes & ~dead_ends
    walks = [_walk(way, root, depth, walked, dead_ends, max_nodes) for way in ways]
    distance = walks[0].distance
    for other in walks[1:]:
        distance = np.minimum(distance, other.distance)

    nodes = np.flatnonzero(distance != FAR)
    nodes = nodes[np.argsort(distance[nodes], kind="stable")]
    truncated = len(nodes) > max_nodes
    distance[nodes[max_nodes:]] = FAR
    nodes = nodes[:max_nodes]

    edges, looked_at = _edges_among(snapshot, nodes, distance, passes)
    if len(edges) > max_edges:
        truncated = True
        sources, targets = snapshot.edges.source[edges], snapshot.edges.target[edges]
        farther_end = np.maximum(distance[sources], distance[targets])
        edges = np.sort(edges[np.argsort(farther_end, kind="stable")[:max_edges]])
    return Subgraph(
        root=root,
        direction=direction,
        depth=depth,
        nodes=nodes.astype(np.int32),
        distance=distance[nodes],
        edges=edges.astype(np.int32),
        truncated=truncated,
        scanned=looked_at + sum(walk.scanned for walk in walks),
    )


def _walk(
    way: Adjacency, root: int, depth: int, walked: Mask, dead_ends: Mask | None, max_nodes: int
) -> Walk:
    """One direction; it ends with the level that passes `max_nodes`. What only a dead end leads to is reached, not walked."""
    walk = Walk(way, walked)
    walk.distance[root] = 0
    level = [root]
    leaves: list[tuple[int, Positions]] = []
    reached = 1
    for hops in range(1, depth + 1):
        if dead_ends is not None:
            slots = slots_of(way, np.asarray(level))
            leaves.append((hops, way.far[slots[dead_ends[way.edge[slots]]]]))
        level = walk.step(level, hops)
        reached += len(level)
        if not level or reached > max_nodes:
            break
    for hops, ends in leaves:
        walk.distance[ends] = np.minimum(walk.distance[ends], hops)
    return walk


def _edges_among(
    snapshot: Snapshot, nodes: Positions, distance: npt.NDArray[np.uint8], passes: Mask
) -> tuple[Positions, int]:
    """The passing edges whose both ends are in `nodes`, ascending, and how many edges were looked at."""
    way = snapshot.outgoing  # here a slot is the position of its edge
    ordered = np.sort(nodes)
    slots = few_slots(way, ordered.tolist())
    if slots is None:
        among = slots_of(way, ordered)
        return among[passes[among] & (distance[way.far[among]] != FAR)], len(among)
    passing, far, reached = passes.data, way.far.data, distance.data
    kept = [slot for slot in slots if passing[slot] and reached[far[slot]] != FAR]
    return np.array(kept, np.int32), len(slots)
