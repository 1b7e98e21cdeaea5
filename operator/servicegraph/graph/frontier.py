"""One step of a breadth-first walk: from the nodes at one distance to those one hop farther.

Most walks touch a few dozen nodes, where a plain loop over memory views is several times faster than array calls; a hub has
thousands, where it is the other way round. Both ways of taking a step stand here and give the same answer. `graph.traverse`
decides how many steps are taken.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from servicegraph.graph.snapshot import Adjacency

    Mask = npt.NDArray[np.bool_]
    Positions = npt.NDArray[Any]

FAR = 255
"""The distance of what is not reached."""

_FEW_NODES = 48
_FEW_SLOTS = 256


def slots_of(way: Adjacency, nodes: Positions) -> Positions:
    """The slots of all these nodes, node after node."""
    starts = way.start[nodes]
    counts = way.start[nodes + 1] - starts
    ends = np.cumsum(counts)
    return np.repeat(starts - ends + counts, counts) + np.arange(ends[-1] if len(ends) else 0)


def few_slots(way: Adjacency, nodes: Sequence[int]) -> list[int] | None:
    """The slots of these nodes as plain numbers; None where arrays are the better tool."""
    if len(nodes) > _FEW_NODES:
        return None
    start = way.start.data
    slots: list[int] = []
    for node in nodes:
        begin, end = start[node], start[node + 1]
        if end - begin > _FEW_SLOTS:
            return None
        slots.extend(range(begin, end))
    return slots if len(slots) <= _FEW_SLOTS else None


@dataclass(slots=True)
class Walk:
    """A walk in one direction: where it may go and how far everything reached so far is."""

    way: Adjacency
    walked: Mask
    """By edge, whether it may be walked."""
    distance: npt.NDArray[np.uint8] = field(init=False)
    """By node, in hops; `FAR` where the walk has not been."""
    scanned: int = 0
    """How many times an edge was looked at."""

    def __post_init__(self) -> None:
        self.distance = np.full(len(self.way.start) - 1, FAR, np.uint8)

    def step(self, level: Sequence[int], hops: int) -> list[int]:
        """Walk every edge of the nodes of `level`; returns the nodes reached for the first time, now `hops` away."""
        slots = few_slots(self.way, level)
        if slots is None:
            return self._step_by_array(level, hops)
        self.scanned += len(slots)
        far, edge = self.way.far.data, self.way.edge.data
        walked, distance = self.walked.data, self.distance.data
        fresh = []
        for slot in slots:
            node = far[slot]
            if distance[node] == FAR and walked[edge[slot]]:
                distance[node] = hops
                fresh.append(node)
        return fresh

    def _step_by_array(self, level: Sequence[int], hops: int) -> list[int]:
        slots = slots_of(self.way, np.asarray(level))
        self.scanned += len(slots)
        far = self.way.far[slots[self.walked[self.way.edge[slots]]]]
        fresh = np.unique(far[self.distance[far] == FAR])
        self.distance[fresh] = hops
        reached: list[int] = fresh.tolist()
        return reached
