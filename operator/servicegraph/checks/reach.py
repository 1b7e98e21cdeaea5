"""Who is affected when services change what they call: everybody who depends on them, the nearest first.

Pure and bounded, for the answer of `POST /check` and the report of `servicegraph check`; `checks.changes` asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from servicegraph.graph.frontier import FAR, Walk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from servicegraph.graph.columns import Node
    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.model.ids import ServiceKey

MOST = 1_000
"""Services that are named."""


@dataclass(frozen=True, slots=True)
class Affected:
    """Services that depend on others, directly or by others."""

    nearest: tuple[tuple[Node, int], ...]
    """At most `MOST`, each with its distance in hops, by distance and then by key."""
    count: int
    """How many there are in all."""


def affected(snapshot: Snapshot, changed: Iterable[ServiceKey]) -> Affected:
    """Who depends on the services that change, themselves left out, by edges that are neither stale nor quarantined."""
    found = (snapshot.position(key) for key in changed)
    start = sorted(at for at in found if at is not None)
    walk = Walk(snapshot.incoming, snapshot.clear)
    walk.distance[start] = 0
    level, hops, count = start, 0, 0
    nearest: list[tuple[Node, int]] = []
    while level:
        hops += 1
        level = walk.step(level, min(hops, FAR - 1))
        count += len(level)
        room = MOST - len(nearest)
        nearest += [(snapshot.nodes[at], hops) for at in sorted(level)[:room]]
    return Affected(tuple(nearest), count)
