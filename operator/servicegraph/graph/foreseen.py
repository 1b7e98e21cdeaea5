"""Which circles a change would close: known before anything is stored, so that people can be warned.

A change of few services asks from each of them by a search from both ends, which touches little of the graph; a change of many
asks once for all components. Both find the same; a test holds them to it. `checks.changes` puts the answers into words.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from servicegraph.graph.frontier import FAR, Walk
from servicegraph.graph.severity import is_accepted, severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from servicegraph.graph.overlay import Mask, Overlay, Pair
    from servicegraph.model.alert import Severity
    from servicegraph.model.ids import ServiceKey

    Beside = dict[int, list[int]]

FEW = 8
"""Services that are asked from one by one; a change of more is looked at as a whole."""

_MOST_STARTS = 8
"""Services of one component from which its shortest circle is sought."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A component that a change makes, or makes larger."""

    members: tuple[ServiceKey, ...]
    """In the order of their keys."""
    circle: tuple[ServiceKey, ...]
    """A short circle that leads through an edge that is new: it begins with that edge, and ends where it began."""
    claim: int
    """The number of the claim that makes the first edge of `circle`."""
    claims: tuple[int, ...]
    """The numbers of all claims that make a new edge of the component."""
    alerts: tuple[str, ...]
    """The alerts that some of the members have already."""
    joined: tuple[ServiceKey, ...]
    """The members that have no alert, or another than most."""
    severity: Severity
    accepted: bool
    """Whether every circle of it contains an edge under `acceptedCycle`."""


def foresee(overlay: Overlay) -> list[Foreseen]:
    """The components with two or more members that have a new edge, unless one alert has all their members already.

    In the order of the claims that close them.
    """
    sources = list(overlay.new_from)
    found = _one_by_one(overlay, sources) if len(sources) <= FEW else _all_at_once(overlay)
    told = [_told(overlay, members, circle) for members, circle in found]
    return sorted((one for one in told if not one.alerts or one.joined), key=lambda one: one.claim)


@dataclass(slots=True)
class _Ways:
    """Where one may walk."""

    overlay: Overlay
    walked: Mask
    """By edge of the snapshot."""
    out: Beside = field(default_factory=lambda: defaultdict(list))
    """The edges beside the snapshot, by their source."""
    into: Beside = field(default_factory=lambda: defaultdict(list))
    """The same by their target."""

    def add(self, pairs: Iterable[Pair]) -> None:
        """Let these edges be walked too."""
        for source, target in pairs:
            self.out[source].append(target)
            self.into[target].append(source)

    def forward(self, start: Iterable[int]) -> _Side:
        """A walk along the edges."""
        return _Side(Walk(self.overlay.snapshot.outgoing, self.walked), self.out, start)

    def backward(self, start: Iterable[int]) -> _Side:
        """A walk against them."""
        return _Side(Walk(self.overlay.snapshot.incoming, self.walked), self.into, start)


class _Side:
    """A walk in one direction that remembers its levels: by them the way back is found."""

    def __init__(self, walk: Walk, beside: Beside, start: Iterable[int]) -> None:
        self._walk = walk
        self._known = len(walk.distance)
        self._beside = beside
        self._beyond: set[int] = set()
        self.levels = [[node for node in dict.fromkeys(start) if self._reach(node, 0)]]

    def __contains__(self, node: int) -> bool:
        return bool(self._walk.distance[node] != FAR) if node < self._known else node in self._beyond

    def step(self) -> list[int]:
        """Go one hop farther; the nodes reached for the first time."""
        level = self.levels[-1]
        hops = min(len(self.levels), FAR - 1)  # that it was reached is all that matters
        fresh = self._walk.step([node for node in level if node < self._known], hops)
        for node in level:
            fresh += [far for far in self._beside.get(node, ()) if self._reach(far, hops)]
        self.levels.append(fresh)
        return fresh

    def reach(self) -> set[int]:
        """Everything that can be reached, the start included."""
        while self.step():
            pass
        return {node for level in self.levels for node in level}

    def near(self, node: int) -> list[int]:
        """The nodes that one hop leads to."""
        found = list(self._beside.get(node, ()))
        if node < self._known:
            begin, end = self._walk.way.start[node : node + 2].tolist()
            slots = slice(begin, end)
            found += self._walk.way.far[slots][self._walk.walked[self._walk.way.edge[slots]]].tolist()
        return found

    def _reach(self, node: int, hops: int) -> bool:
        """Mark a node; whether that is news."""
        if node in self:
            return False
        if node < self._known:
            self._walk.distance[node] = hops
        else:
            self._beyond.add(node)
        return True


def _one_by_one(overlay: Overlay, sources: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """Members and a shortest circle of each component, by a search from each service that has new edges."""
    ways = _Ways(overlay, overlay.walked)
    ways.add(overlay.ties)
    found: dict[tuple[int, ...], list[int]] = {}
    for source in sources:
        circle = _circle(ways, source)
        if circle is None:
            continue
        members = tuple(sorted(ways.forward([source]).reach() & ways.backward([source]).reach()))
        if members not in found or len(circle) < len(found[members]):
            found[members] = circle
    return [(list(members), circle) for members, circle in found.items()]


def _all_at_once(overlay: Overlay) -> list[tuple[list[int], list[int]]]:
    """The same by one search for all components; their circles are sought within each of them only."""
    edges, size = overlay.snapshot.edges, len(overlay)
    own = np.flatnonzero(overlay.walked)
    beside = np.array(list(overlay.ties), np.int32).reshape(-1, 2)
    ends = (np.append(edges.source[own], beside[:, 0]), np.append(edges.target[own], beside[:, 1]))
    matrix = sparse.csr_array((np.ones(len(ends[0])), ends), shape=(size, size))
    _, label = csgraph.connected_components(matrix, directed=True, connection="strong")
    walked = overlay.walked & (label[edges.source] == label[edges.target])
    ways = _Ways(overlay, walked)
    ways.add(pair for pair in overlay.ties if label[pair[0]] == label[pair[1]])
    sources: defaultdict[int, list[int]] = defaultdict(list)
    for source, targets in overlay.new_from.items():
        if (label[targets] == label[source]).any():
            sources[int(label[source])].append(source)
    order = np.argsort(label, kind="stable")
    begin = np.searchsorted(label[order], np.arange(len(label) + 1))
    found = []
    for number, starts in sources.items():
        circles = [circle for source in starts[:_MOST_STARTS] if (circle := _circle(ways, source))]
        members: list[int] = order[begin[number] : begin[number + 1]].tolist()
        found.append((members, min(circles, key=len)))
    return found


def _circle(ways: _Ways, source: int) -> list[int] | None:
    """A shortest circle through a new edge of `source`, from there and back there; None if none of them closes one.

    Forward from the new targets and backward from the source, whichever has less before it: where both meet, the circle closes.
    """
    targets = [far for far in ways.overlay.new_from[source] if far in ways.out[source]]
    ahead, behind = ways.forward(targets), ways.backward([source])
    while ahead.levels[-1] and behind.levels[-1]:
        first = len(ahead.levels[-1]) <= len(behind.levels[-1])
        side, other = (ahead, behind) if first else (behind, ahead)
        meeting = [node for node in side.step() if node in other]
        if meeting:
            node = min(meeting)
            return [source, *_back(ahead, behind, node), node, *reversed(_back(behind, ahead, node))]
    return None


def _back(side: _Side, other: _Side, node: int) -> list[int]:
    """The nodes by which a walk has come to `node`, the start of the walk first; `other` walks against it."""
    at = next(number for number, level in enumerate(side.levels) if node in level)
    way: list[int] = []
    for number in range(at - 1, -1, -1):
        before = set(side.levels[number])
        node = min(one for one in other.near(node) if one in before)
        way.append(node)
    return way[::-1]


def _told(overlay: Overlay, members: list[int], circle: list[int]) -> Foreseen:
    """All that is known of a component."""
    inside = set(members)
    claims = [
        overlay.new[node, far] for node in members for far in overlay.new_from.get(node, ()) if far in inside
    ]
    snapshot = overlay.snapshot
    circle_of = {node: int(snapshot.circle[node]) if node < len(snapshot.nodes) else -1 for node in members}
    known: defaultdict[int, int] = defaultdict(int)
    for at in circle_of.values():
        if at >= 0:
            known[at] += 1
    largest = max(known, key=lambda at: (known[at], -at), default=-1)
    component = overlay.component(np.array(sorted(members), np.intp))
    return Foreseen(
        members=tuple(sorted(map(overlay.key, members))),
        circle=tuple(map(overlay.key, circle)),
        claim=overlay.new[circle[0], circle[1]],
        claims=tuple(sorted(claims)),
        alerts=tuple(snapshot.alerts[at].name for at in sorted(known, key=lambda at: -known[at])),
        joined=tuple(
            sorted(overlay.key(node) for node in members if circle_of[node] != largest or largest < 0)
        ),
        severity=severity(component),
        accepted=is_accepted(component),
    )
