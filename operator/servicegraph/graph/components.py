"""Which services depend on each other in a circle: the strongly connected components of the alertable graph.

Only edges that may raise an alert take part: those that are alertable and not quarantined. Whether an observation is alertable
is a stored flag, so no clock is asked here. A component of one service is no circle and left out. `graph.explanation` says of
one component how bad it is and what would end it; `graph.alerts` follows components through the versions.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from servicegraph.graph.strength import strength_of
from servicegraph.model.vocabulary import Flag

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from servicegraph.graph.columns import Node
    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.model.ids import ServiceKey

    Int32s = npt.NDArray[np.int32]
    Mask = npt.NDArray[np.bool_]

_ALERTABLE = np.uint8(Flag.ALERTABLE)
_IN_DOUBT = np.uint8(Flag.ALERTABLE | Flag.QUARANTINED)


@dataclass(frozen=True, slots=True, eq=False)
class Component:
    """One component by itself: its members are numbered 0, 1, … in the order of their keys. Edges are sorted, without loops."""

    size: int
    source: Int32s
    target: Int32s
    strength: npt.NDArray[np.uint8]
    """`Strength`, by edge."""
    accepted: Mask
    """By edge, whether its part in a circle is accepted."""

    @property
    def is_ring(self) -> bool:
        """Whether it is one circle and nothing else, as most are: each member calls one other, and any edge is a cut."""
        return len(self.source) == self.size

    @property
    def shape(self) -> bytes:
        """A digest of everything above: two components of one shape differ only in the names of their members."""
        digest = hashlib.sha256(self.size.to_bytes(4, "little"))
        for column in (self.source, self.target, self.strength, self.accepted):
            digest.update(column.data)
        return digest.digest()


@dataclass(frozen=True, slots=True, eq=False)
class Circles:
    """All components of one version with two or more members, numbered by their first member. Positions are the snapshot's."""

    nodes: Sequence[Node]
    label: Int32s
    """By node: the number of its component, -1 for none."""
    members: Int32s
    """Component after component, ascending within each."""
    member_start: Int32s
    """Component i owns members[member_start[i]] … members[member_start[i + 1] - 1]."""
    place: Int32s
    """By node: its number within its component; means nothing for other nodes."""
    edges: Int32s
    """Positions of the edges within components, component after component, ascending within each."""
    edge_start: Int32s
    """The same for `edges`."""
    source: Int32s
    """Of each of `edges`, like the columns below."""
    target: Int32s
    strength: npt.NDArray[np.uint8]
    accepted: Mask

    def __len__(self) -> int:
        return len(self.member_start) - 1

    def members_of(self, number: int) -> Int32s:
        """The positions of the members of a component, ascending."""
        return self.members[self.member_start[number] : self.member_start[number + 1]]

    def edges_of(self, number: int) -> Int32s:
        """The positions of the edges within a component, ascending."""
        return self.edges[self.edge_start[number] : self.edge_start[number + 1]]

    def keys_of(self, number: int) -> tuple[ServiceKey, ...]:
        """The members of a component by name, in the order of their keys."""
        return tuple([self.nodes[at].key for at in self.members_of(number).tolist()])

    def component(self, number: int) -> Component:
        """A component by itself."""
        source, target, strength, accepted = self._columns(number)
        return Component(
            size=len(self.members_of(number)),
            source=self.place[source],
            target=self.place[target],
            strength=strength,
            accepted=accepted,
        )

    def same_as(self, other: Circles) -> bool:
        """Whether both are sure to be the same circles with the same edges; quick, and False if the nodes were read anew."""
        return self.nodes is other.nodes and _equal(self._columns(), other._columns())

    def twin(self, number: int, other: Circles) -> int | None:
        """The number of the component of `other` that is sure to be the same; quick, and None as `same_as` is False."""
        if self.nodes is not other.nodes:
            return None
        own = self.members_of(number)
        found = int(other.label[own[0]])
        if found < 0 or not np.array_equal(own, other.members_of(found)):
            return None
        return found if _equal(self._columns(number), other._columns(found)) else None

    def _columns(self, number: int | None = None) -> tuple[npt.NDArray[Any], ...]:
        """What is known about the edges within a component, or within any."""
        own = slice(None) if number is None else slice(self.edge_start[number], self.edge_start[number + 1])
        return self.source[own], self.target[own], self.strength[own], self.accepted[own]


def find_circles(snapshot: Snapshot) -> Circles:
    """All components with two or more members, in time linear in nodes and edges."""
    edges, nodes = snapshot.edges, len(snapshot.nodes)
    alertable = (edges.flags & _IN_DOUBT) == _ALERTABLE
    label, count = _label(snapshot, alertable, nodes)
    tied = np.flatnonzero(label >= 0).astype(np.int32)
    members, member_start = _by_component(tied, label.take(tied), count)
    place = np.zeros(nodes, np.int32)
    place[members] = np.arange(len(members)) - np.repeat(member_start[:-1], np.diff(member_start))

    near = label.take(edges.source)
    within = near == label.take(edges.target)
    within &= near >= 0
    within &= edges.source != edges.target
    if count and not alertable.all():
        within &= alertable
    inside = np.flatnonzero(within)
    own, edge_start = _by_component(inside.astype(np.int32), near.take(inside), count)
    return Circles(
        nodes=snapshot.nodes,
        label=label,
        members=members,
        member_start=member_start,
        place=place,
        edges=own,
        edge_start=edge_start,
        source=edges.source.take(own),
        target=edges.target.take(own),
        strength=strength_of(edges.mode.take(own), edges.requirement.take(own)),
        accepted=(edges.flags.take(own) & np.uint8(Flag.ACCEPTED)) != 0,
    )


def has_circle(size: int, source: Int32s, target: Int32s) -> bool:
    """Whether edges (without loops, in the order of their sources) among `size` nodes contain a circle."""
    if len(source) < 2:
        return False
    start = np.zeros(size + 1, np.int32)
    np.cumsum(np.bincount(source, minlength=size), out=start[1:])
    return _strong(target, start)[0] < size


def _equal(some: tuple[npt.NDArray[Any], ...], others: tuple[npt.NDArray[Any], ...]) -> bool:
    """Whether all columns are the same."""
    return all(np.array_equal(one, other) for one, other in zip(some, others, strict=True))


def _strong(target: Int32s, start: Int32s) -> tuple[int, Int32s]:
    """The strongly connected components of a graph in compressed sparse rows: how many, and the component of each node."""
    size = len(start) - 1
    matrix = sparse.csr_array((np.ones(len(target)), target, start), shape=(size, size))
    count, label = csgraph.connected_components(matrix, directed=True, connection="strong")
    return int(count), label


def _label(snapshot: Snapshot, alertable: Mask, nodes: int) -> tuple[Int32s, int]:
    """The number of each node's component, -1 where it has no other member, and how many there are."""
    target, start = snapshot.edges.target, snapshot.outgoing.start
    if not alertable.all():
        target = target[alertable]
        start = np.concatenate(([0], np.cumsum(alertable, dtype=np.int32)), dtype=np.int32)[start]
    count, label = _strong(target, start)
    large = np.flatnonzero(np.bincount(label, minlength=count) > 1)
    smallest = np.full(count, nodes)
    np.minimum.at(smallest, label, np.arange(nodes))
    number = np.full(count, -1, np.int32)
    number[large[np.argsort(smallest[large])]] = np.arange(len(large))
    return number.take(label), len(large)


def _by_component(positions: Int32s, component: Int32s, count: int) -> tuple[Int32s, Int32s]:
    """Positions sorted by component, and where each component begins among them."""
    start = np.zeros(count + 1, np.int32)
    np.cumsum(np.bincount(component, minlength=count), out=start[1:])
    return (positions if count < 2 else positions.take(np.argsort(component, kind="stable"))), start
