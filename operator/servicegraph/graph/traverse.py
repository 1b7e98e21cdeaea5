"""What a service depends on and who depends on it: breadth-first walks over a snapshot.

A walk goes level by level and marks what it has reached, so circles cost nothing: each edge is looked at once a direction, and
once more when the edges among the answer are collected. The answer is positions; turning them into JSON or a picture is the
caller's. Quarantined edges are shown on request but never walked: `unknown` would otherwise join everything with everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from servicegraph.errors import BadInput
from servicegraph.graph.filters import EdgeFilter
from servicegraph.model.vocabulary import Flag

if TYPE_CHECKING:
    import numpy.typing as npt

    from servicegraph.graph.snapshot import Adjacency, Snapshot

    Positions = npt.NDArray[Any]
    Mask = npt.NDArray[np.bool_]

MAX_DEPTH = 50
MAX_NODES = 5_000
MAX_EDGES = 25_000

_FAR = np.uint8(255)
"""The distance of what is not reached."""


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
    distance = walks[0][0]
    for other, _ in walks[1:]:
        distance = np.minimum(distance, other)

    nodes = np.flatnonzero(distance != _FAR)
    nodes = nodes[np.argsort(distance[nodes], kind="stable")]
    truncated = len(nodes) > max_nodes
    distance[nodes[max_nodes:]] = _FAR
    nodes = nodes[:max_nodes]

    slots = _slots(snapshot.outgoing, np.sort(nodes))  # a slot going out is the position of its edge
    edges = slots[passes[slots] & (distance[snapshot.edges.target[slots]] != _FAR)]
    if len(edges) > max_edges:
        truncated = True
        farther_end = np.maximum(
            distance[snapshot.edges.source[edges]], distance[snapshot.edges.target[edges]]
        )
        edges = np.sort(edges[np.argsort(farther_end, kind="stable")[:max_edges]])
    return Subgraph(
        root, direction, depth, nodes.astype(np.int32), distance[nodes], edges.astype(np.int32), truncated,
        len(slots) + sum(scanned for _, scanned in walks),
    )  # fmt: skip


def _walk(
    way: Adjacency, root: int, depth: int, walked: Mask, dead_ends: Mask | None, max_nodes: int
) -> tuple[npt.NDArray[np.uint8], int]:
    """The distances in one direction, and how many edges were looked at; it ends with the level that passes `max_nodes`."""
    distance = np.full(len(way.start) - 1, _FAR, np.uint8)
    distance[root] = 0
    level = np.array([root])
    scanned = 0
    leaves: list[tuple[int, Positions]] = []
    reached = 1
    for hops in range(1, depth + 1):
        slots = _slots(way, level)
        scanned += len(slots)
        edges, far = way.edge[slots], way.far[slots]
        if dead_ends is not None:
            leaves.append((hops, far[dead_ends[edges]]))
        far = far[walked[edges]]
        level = np.unique(far[distance[far] == _FAR])
        if not len(level):
            break
        distance[level] = hops
        reached += len(level)
        if reached > max_nodes:
            break
    for hops, ends in leaves:
        distance[ends] = np.minimum(distance[ends], hops)
    return distance, scanned


def _slots(way: Adjacency, nodes: Positions) -> Positions:
    """The slots of all these nodes, node after node."""
    starts = way.start[nodes]
    counts = way.start[nodes + 1] - starts
    ends = np.cumsum(counts)
    return np.repeat(starts - ends + counts, counts) + np.arange(ends[-1] if len(ends) else 0)
