"""One version of the graph, whole and immutable, in the shape that answers need.

`store.snapshot` reads the columns and calls `build`; from then on every reader of this process shares the result until the next
version replaces it. Not here: how it is loaded and when, and what a request may see (`graph.filters`).

Positions are the order of the keys (cluster, namespace, name, kind). So "by position" is "by id" everywhere, look-ups are
bisections and need no dictionary, and all services of a namespace stand side by side.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field, replace
from itertools import pairwise
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from servicegraph.errors import UnknownService
from servicegraph.graph.membership import circle_of_nodes, edges_in_circles
from servicegraph.graph.merge import Edges, freeze, merge
from servicegraph.model.ids import Kind, ServiceKey
from servicegraph.model.vocabulary import Flag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from servicegraph.graph.columns import Mark, Node, ObjectName, ObservationColumns, Provider
    from servicegraph.graph.conflicts import Conflicts
    from servicegraph.model.alert import Alert

    Int32s = npt.NDArray[np.int32]

_key = attrgetter("key")


@dataclass(frozen=True, slots=True, eq=False)
class Adjacency:
    """The edges of each node in one direction (compressed sparse rows): node i owns the slots start[i] … start[i + 1] - 1."""

    start: Int32s
    far: Int32s
    """The node at the other end, by slot."""
    edge: Int32s
    """The position of the edge, by slot."""


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Snapshot:
    """A version of the graph. Nodes, edges, providers and protocols refer to each other by position."""

    mark: Mark
    nodes: tuple[Node, ...]
    """In the order of their keys."""
    providers: tuple[Provider, ...]
    protocols: tuple[str, ...]
    edges: Edges
    outgoing: Adjacency
    """From each node to what it calls."""
    incoming: Adjacency
    """From each node to its callers."""
    clear: npt.NDArray[np.bool_]
    """By edge: neither stale nor quarantined, which is what an answer shows unless it is asked for more."""
    grounds: npt.NDArray[np.uint8]
    """By node: on which grounds it is known, as bits that `is_shown` reads."""
    circle: Int32s
    """By node: the position in `alerts` of the circle that it is in, -1 for none."""
    in_circle: npt.NDArray[np.bool_]
    """By edge: whether it is part of a circle that has an alert."""
    conflicts: Mapping[str, Conflicts] = field(default_factory=dict)
    """By uid of an object: where an older object's word counts instead of its own."""
    alerts: tuple[Alert, ...] = ()
    """By name: of all circles, and those resolved ones that are kept."""
    objects: tuple[ObjectName, ...] = ()
    """By rank, the oldest first, behind an empty name for what comes from no object: whose each declared observation is."""

    def alert_of(self, node: int) -> Alert | None:
        """The alert of the circle that a node is in; None if it is in none."""
        at = int(self.circle[node])
        return self.alerts[at] if at >= 0 else None

    def position(self, key: ServiceKey) -> int | None:
        """Where the node with this key stands; None if there is none."""
        at = bisect_left(self.nodes, key, key=_key)
        return at if at < len(self.nodes) and self.nodes[at].key == key else None

    def is_shown(self, node: int, *, include_stale: bool = False, include_quarantined: bool = False) -> bool:
        """Whether something still names the node: an object, an api record, or an edge of the asked kinds."""
        return bool(self.grounds[node] & _allowed(include_stale, include_quarantined))

    def shown(self, *, include_stale: bool = False, include_quarantined: bool = False) -> Int32s:
        """The positions of all nodes that are shown, ascending."""
        allowed = _allowed(include_stale, include_quarantined)
        return np.flatnonzero(self.grounds & np.uint8(allowed)).astype(np.int32)

    def find(
        self,
        namespace: str,
        name: str,
        kind: str | None = None,
        cluster: str = "",
        *,
        include_stale: bool = False,
        include_quarantined: bool = False,
    ) -> int:
        """The position of a shown node; without a kind the Service, else the only node of that name.

        Raises:
            UnknownService: naming the nodes of that name, if there are several and none is a Service.
        """
        at = bisect_left(self.nodes, (cluster, namespace, name, ""), key=_key)
        found: dict[str, int] = {}
        while at < len(self.nodes) and self.nodes[at].key[:3] == (cluster, namespace, name):
            if self.is_shown(at, include_stale=include_stale, include_quarantined=include_quarantined):
                found[self.nodes[at].key.kind] = at
            at += 1
        wanted = kind or Kind.SERVICE
        if wanted in found:
            return found[wanted]
        if kind is None and len(found) == 1:
            return next(iter(found.values()))
        candidates = tuple(str(self.nodes[at].key) for at in found.values())
        message = f"no service {ServiceKey(cluster, namespace, name, wanted)} is known"
        if candidates:
            message += f"; of that name there is {', '.join(candidates)}: say which with kind="
        raise UnknownService(message, candidates)


def build(
    mark: Mark,
    nodes: Sequence[Node],
    providers: Sequence[Provider],
    protocols: Sequence[str],
    observations: ObservationColumns,
    conflicts: Mapping[str, Conflicts] | None = None,
    alerts: Sequence[Alert] = (),
    objects: Sequence[ObjectName] = (),
) -> Snapshot:
    """Make a snapshot of everything that is stored.

    Nodes that already come in the order of their keys (cluster, namespace, name, kind, compared by code point) spare a sort.

    Args:
        mark: which version this is.
        nodes: each key once; observations refer to them by position.
        providers: in a stable order, which decides between providers that are otherwise equal.
        protocols: position 0 is the empty one.
        observations: in any order.
        conflicts: what `graph.conflicts` has found; None for none.
        alerts: those of this version, in the order of their names.
        objects: by rank; observations that rank beyond come from an object without a name.
    """
    nodes, observations = _in_key_order(nodes, observations)
    groups = {group: number for number, group in enumerate(dict.fromkeys(one.group for one in providers))}
    edges = merge(observations, np.array([groups[one.group] for one in providers], np.int16), len(nodes))
    clear = (edges.flags & np.uint8(Flag.STALE | Flag.QUARANTINED)) == 0
    outgoing, incoming = _adjacency(edges, len(nodes))
    grounds = _grounds(edges, nodes)
    circle = circle_of_nodes(alerts, nodes)
    in_circle = edges_in_circles(circle, edges)
    for array in (clear, grounds, circle, in_circle):
        array.setflags(write=False)
    return Snapshot(
        mark=mark,
        nodes=tuple(nodes),
        providers=tuple(providers),
        protocols=tuple(protocols),
        edges=edges,
        outgoing=outgoing,
        incoming=incoming,
        clear=clear,
        grounds=grounds,
        circle=circle,
        in_circle=in_circle,
        conflicts=conflicts or {},
        alerts=tuple(alerts),
        objects=tuple(objects),
    )


def _in_key_order(
    nodes: Sequence[Node], observations: ObservationColumns
) -> tuple[Sequence[Node], ObservationColumns]:
    """The nodes sorted by key, the observations referring to their new positions."""
    if all(one.key < other.key for one, other in pairwise(nodes)):
        return nodes, observations
    order = sorted(range(len(nodes)), key=lambda at: nodes[at].key)
    place = np.empty(len(nodes), np.int32)
    place[order] = np.arange(len(nodes), dtype=np.int32)
    return [nodes[at] for at in order], replace(
        observations, source=place[observations.source], target=place[observations.target]
    )


def _adjacency(edges: Edges, nodes: int) -> tuple[Adjacency, Adjacency]:
    """Both directions; the edges are sorted by source already, and transposing a sparse matrix is a counting sort."""
    start = np.zeros(nodes + 1, np.int32)
    np.cumsum(np.bincount(edges.source, minlength=nodes), out=start[1:])
    numbers = np.arange(len(edges), dtype=np.int32)
    transposed = sparse.csr_array((numbers, edges.target, start), shape=(nodes, nodes)).tocsc()
    outgoing = Adjacency(start, edges.target, numbers)
    incoming = Adjacency(transposed.indptr, transposed.indices, transposed.data)
    freeze(outgoing)
    freeze(incoming)
    return outgoing, incoming


def _grounds(edges: Edges, nodes: Sequence[Node]) -> npt.NDArray[np.uint8]:
    """On which grounds each node is known: 1 stated or a clear edge, 2 a stale one, 4 a quarantined one, 8 one that is both."""
    grounds = np.fromiter((one.stated for one in nodes), np.uint8, len(nodes))
    doubt = (edges.flags // Flag.STALE) & 3
    for kind in range(4):
        of_kind = doubt == kind
        for end in (edges.source[of_kind], edges.target[of_kind]):
            grounds[end] |= np.uint8(1 << kind)
    return grounds


def _allowed(include_stale: bool, include_quarantined: bool) -> int:  # noqa: FBT001 - two flags, both named at each call
    """The grounds that an answer accepts."""
    return 1 | include_stale << 1 | include_quarantined << 2 | (include_stale and include_quarantined) << 3
