"""Which edges to give up so that no circle is left, as cheaply as possible.

Of a ring it is the cheapest edge. Up to `EXACT_EDGES` edges the answer is the cheapest there is: of all sets of edges that hit
every simple circle, the one with the least cost, then the fewest edges, then the earliest edges. Above that it is a greedy
order (`graph.ordering`) whose backward edges are given up; then every edge that closes no circle is put back, dearest first, so
that the set is minimal, though perhaps not the cheapest. Above `MINIMAL_MEMBERS` members nothing is put back. In each case what
is left is checked to have no circle.

Cost: 0.3 ms for 14 edges; 0.1 s for 2,000 members with 10,000 edges, 0.5 s with 470,000; 30 ms for 75,000 members with 750,000.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from servicegraph.graph.closure import Closure
from servicegraph.graph.components import has_circle
from servicegraph.graph.ordering import by_surplus, eades_lin_smyth
from servicegraph.graph.strength import COST

if TYPE_CHECKING:
    import numpy.typing as npt

    from servicegraph.graph.components import Component

    Mask = npt.NDArray[np.bool_]

EXACT_EDGES = 14
"""Components with at most so many edges get the cheapest cut; 2 ** 14 sets are looked at."""

MINIMAL_MEMBERS = 4_096
"""Components with at most so many members get a cut of which every edge is needed."""

_NO_CUT = 1 << 30
"""More than any set of edges costs."""

GREEDY_EDGES = 20_000
"""Components with at most so many edges get the greedy order of Eades, Lin and Smyth, larger ones a quicker one."""


def cheapest_cut(component: Component) -> Mask:
    """By edge of the component, whether to give it up; what is left has no circle."""
    if component.is_ring:
        only: Mask = np.arange(component.size) == COST[component.strength].argmin()
        return only
    cut = _exact(component) if len(component.source) <= EXACT_EDGES else _greedy(component)
    assert not has_circle(component.size, component.source[~cut], component.target[~cut])
    return cut


def _exact(component: Component) -> Mask:
    """Look at every set of edges at once; a set is a number, its bits are the edges."""
    edges = len(component.source)
    cost = np.zeros(1, np.int32)
    for weight in COST[component.strength].tolist():
        cost = np.concatenate((cost, cost + (weight * (EXACT_EDGES + 1) + 1)))  # cost first, then how many
    sets = np.arange(1 << edges)
    for circle in simple_circles(component):
        cost[(sets & circle) == 0] = _NO_CUT
    return (int(cost.argmin()) >> np.arange(edges) & 1).astype(np.bool_)


def simple_circles(component: Component) -> list[int]:
    """Every circle that visits no node twice, as a number whose bits are its edges. Only for few edges: there may be many."""
    calls: list[list[tuple[int, int]]] = [[] for _ in range(component.size)]
    for edge, (source, target) in enumerate(
        zip(component.source.tolist(), component.target.tolist(), strict=True)
    ):
        calls[source].append((edge, target))
    found: list[int] = []

    def walk(first: int, node: int, visited: int, edges: int) -> None:
        for edge, far in calls[node]:
            if far == first:
                found.append(edges | 1 << edge)
            elif far > first and not visited >> far & 1:
                walk(first, far, visited | 1 << far, edges | 1 << edge)

    for first in range(component.size):
        walk(first, first, 0, 0)
    return found


def _greedy(component: Component) -> Mask:
    """The backward edges of a greedy order, without those that are not needed."""
    quick = len(component.source) > GREEDY_EDGES
    rank = by_surplus(component) if quick else eades_lin_smyth(component)
    cut = rank[component.source] > rank[component.target]
    if component.size > MINIMAL_MEMBERS:
        return cut
    closure = Closure(rank, component.source[~cut], component.target[~cut])
    given_up = np.flatnonzero(cut)
    for edge in given_up[np.argsort(-COST[component.strength[given_up]], kind="stable")].tolist():
        source, target = int(component.source[edge]), int(component.target[edge])
        if not closure.reaches(target, source):
            closure.add(source, target)
            cut[edge] = False
    return cut
