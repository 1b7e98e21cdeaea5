"""Circles that edges of any evidence have a part in, told to who sends them.

What is sent over HTTP raises no alert, so `graph.foreseen` passes it over; who sends an edge is told all the same, since often
nobody else is. Every edge counts that an answer shows by default, with those that are sent laid over the graph. Pure; the HTTP
server calls this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from servicegraph.checks.circling import PART_OF_CYCLE
from servicegraph.graph.telling import path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import numpy.typing as npt

    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.model.ids import ServiceKey

    Ends = tuple[ServiceKey, ServiceKey]
    Positions = npt.NDArray[Any]

MOST = 100
"""Circles that are told of."""


@dataclass(frozen=True, slots=True)
class Warned:
    """One thing that somebody should know about what was sent, which is stored all the same."""

    code: str
    message: str
    cycle: str | None
    """The alert that both ends are members of."""


def closing(snapshot: Snapshot, sent: Sequence[Ends]) -> list[Warned]:
    """The circles that edges of `sent` are part of, each told once, by the first of its edges; `MOST` at most."""
    places = _Places(snapshot)
    pairs = np.array([(places.of(a), places.of(b)) for a, b in sent], np.int32).reshape(-1, 2)
    edges = snapshot.edges
    source = np.append(edges.source[snapshot.clear], pairs[:, 0])
    target = np.append(edges.target[snapshot.clear], pairs[:, 1])
    _, label = csgraph.connected_components(_matrix(source, target, len(places)), connection="strong")
    within = label[source] == label[target]
    source, target = source[within], target[within]
    told: dict[int, Warned] = {}
    for a, b in pairs.tolist():
        circle = int(label[a])
        if label[b] == circle and circle not in told and len(told) < MOST:
            own = label[source] == circle
            way = _way(source[own], target[own], b, a, len(places))
            told[circle] = _told(snapshot, places, [a, *way], int((label == circle).sum()))
    return list(told.values())


class _Places:
    """Services by number: those of the graph by position, others behind them."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._known = len(snapshot.nodes)
        self._new: dict[ServiceKey, int] = {}

    def __len__(self) -> int:
        return self._known + len(self._new)

    def of(self, key: ServiceKey) -> int:
        """The number of a service."""
        at = self._snapshot.position(key)
        return self._new.setdefault(key, len(self)) if at is None else at

    def key(self, at: int) -> ServiceKey:
        """The service of a number."""
        return self._snapshot.nodes[at].key if at < self._known else list(self._new)[at - self._known]


def _matrix(source: Positions, target: Positions, size: int) -> Any:
    return sparse.csr_array((np.ones(len(source), np.int8), (source, target)), shape=(size, size))


def _way(source: Positions, target: Positions, begin: int, end: int, size: int) -> list[int]:
    """A shortest way from one to another of the same circle, both included."""
    _, before = csgraph.breadth_first_order(_matrix(source, target, size), begin)
    way = [end]
    while way[-1] != begin:
        way.append(int(before[way[-1]]))
    return way[::-1]


def _told(snapshot: Snapshot, places: _Places, circle: list[int], members: int) -> Warned:
    names = [places.key(at) for at in circle]
    alerts = [snapshot.alert_of(at) if at < len(snapshot.nodes) else None for at in circle[:2]]
    alert = alerts[0] if alerts[0] is alerts[1] else None
    words = f"{names[0]} → {names[1]} is part of a circle of {members} services: {path(names)}"
    return Warned(PART_OF_CYCLE, words, alert.name if alert else None)
