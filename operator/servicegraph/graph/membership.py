"""Which services and edges of a snapshot are in a circle that has an alert; `graph.snapshot.build` asks."""

from __future__ import annotations

from bisect import bisect_left
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from servicegraph.model.vocabulary import Flag

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from servicegraph.graph.columns import Node
    from servicegraph.graph.merge import Edges
    from servicegraph.model.alert import Alert
    from servicegraph.model.ids import ServiceKey

_key = attrgetter("key")


def circle_of_nodes(alerts: Sequence[Alert], nodes: Sequence[Node]) -> npt.NDArray[np.int32]:
    """By node: the position of the alert that it is a member of, -1 for none. Nodes are in the order of their keys."""
    circle = np.full(len(nodes), -1, np.int32)
    for position, alert in enumerate(alerts):
        at = 0
        for member in sorted(alert.members):
            at = _first_from(at, member, nodes)
            if at < len(nodes) and nodes[at].key == member:
                circle[at] = position
    return circle


def _first_from(start: int, member: ServiceKey, nodes: Sequence[Node]) -> int:
    """Where from `start` on the first node stands whose key is not below `member`: near, as members come in order too."""
    step = 1
    while start + step < len(nodes) and nodes[start + step].key < member:
        start, step = start + step, 2 * step
    return bisect_left(nodes, member, start, min(start + step, len(nodes)), key=_key)


def edges_in_circles(circle: npt.NDArray[np.int32], edges: Edges) -> npt.NDArray[np.bool_]:
    """By edge: whether both its ends are in one circle and it may raise an alert, as `graph.components` has it."""
    near = circle.take(edges.source)
    within = (near >= 0) & (near == circle.take(edges.target)) & (edges.source != edges.target)
    may_alert = (edges.flags & np.uint8(Flag.ALERTABLE | Flag.QUARANTINED)) == np.uint8(Flag.ALERTABLE)
    return np.asarray(within & may_alert)
