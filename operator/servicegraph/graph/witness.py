"""A shortest circle of a component, the one that is shown to people: "a → b → a" says more than a list of 200 members.

A cut takes every circle apart, so every circle leads through the end of some edge of the cut. From those few members all walks
are followed at once, one bit for each of them; the first that comes home has walked a shortest circle.

Cost: length x edges x members of the cut / 64 word operations. A shortest circle of n members with d edges each has at most
about n / d edges, so a component of 2,000 needs at most 2,000³ / 64 = 125 million, some tenths of a second; in practice
circles are short and it takes milliseconds. From more than `MAX_STARTS` members walks start only at the first of them: then
the circle is one of the shortest through those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    import numpy.typing as npt

    from servicegraph.graph.components import Component

    Members = npt.NDArray[Any]

MAX_STARTS = 4_096
_WORDS_AT_ONCE = 1 << 22
"""Memory of one step: edges x words, of 8 bytes each."""


def shortest_circle(component: Component, cut: npt.NDArray[np.bool_]) -> list[int]:
    """The members of a shortest circle in order, the first again at the end; of several the same one each time.

    Args:
        component: strongly connected, so that it has a circle.
        cut: by edge; without these edges there is no circle.
    """
    if component.is_ring:
        return _ring(component.target.tolist())
    starts = min((np.unique(end[cut]) for end in (component.target, component.source)), key=len)[:MAX_STARTS]
    length, start = _shortest(component, starts)
    return _circle(component, start, length)


def _ring(following: list[int]) -> list[int]:
    """The circle through all members, given whom each calls."""
    ring = [0]
    while (at := following[ring[-1]]) != 0:
        ring.append(at)
    return [*ring, 0]


def _shortest(component: Component, starts: Members) -> tuple[int, int]:
    """The length of a shortest circle through any of `starts`, and a start that has one."""
    order = np.argsort(component.target, kind="stable")
    source = component.source[order]
    segment = np.searchsorted(component.target[order], np.arange(component.size))
    bits = 64 * max(1, min(_WORDS_AT_ONCE // len(source), (len(starts) + 63) // 64))
    least = 2 if len(starts) <= bits or _has_pair(component) else 3
    length, first = component.size + 1, -1
    for begin in range(0, len(starts), bits):
        block = starts[begin : begin + bits]
        word, bit = np.arange(len(block)) >> 6, (np.arange(len(block)) & 63).astype(np.uint64)
        walks = np.zeros((component.size, bits // 64), np.uint64)
        walks[block, word] = np.uint64(1) << bit
        for steps in range(1, length):
            # Everything is called by something, so no segment is empty.
            walks = np.bitwise_or.reduceat(walks[source], segment, axis=0)
            home = np.flatnonzero(walks[block, word] >> bit & np.uint64(1))
            if len(home):
                length, first = steps, int(block[home[0]])
                break
        if length == least:
            break
    return length, first


def _has_pair(component: Component) -> bool:
    """Whether any two members call each other."""
    ends = (component.source, component.target)
    calls = sparse.csr_array(
        (np.ones(len(component.source), np.bool_), ends), (component.size, component.size)
    )
    return bool(calls.multiply(calls.T.tocsr()).nnz)


def _circle(component: Component, start: int, length: int) -> list[int]:
    """The circle of this length through `start`; where there is a choice, backwards, the first member."""
    source, target = component.source, component.target
    distance = np.full(component.size, -1, np.int32)
    distance[start] = 0
    for hops in range(1, length):
        reached = target[distance[source] == hops - 1]
        distance[reached[distance[reached] < 0]] = hops
    circle = [start]
    for hops in range(length - 1, 0, -1):
        circle.append(int(source[(target == circle[-1]) & (distance[source] == hops)].min()))
    return [start, *circle[:0:-1], start]
