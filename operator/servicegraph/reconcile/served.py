"""The graph as it is served, and how sure we are of it.

A snapshot may be exactly what Postgres holds and yet lag behind what people have declared: while the Kubernetes API does not
answer, nothing new can be heard. So an answer is stale when either is away. `cli.run` hands this to the HTTP server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicegraph.model.ports import Freshness

if TYPE_CHECKING:
    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.model.ports import GraphReader
    from servicegraph.reconcile.health import HealthBoard

KUBERNETES = "kubernetes"
"""The part of the board that tells whether what is declared can be heard of."""


class ServedGraph:
    """Implements `model.ports.GraphReader` for the HTTP server of a process that also listens to Kubernetes."""

    def __init__(self, graph: GraphReader, health: HealthBoard) -> None:
        self._graph = graph
        self._health = health

    def current(self) -> Snapshot | None:
        """The newest snapshot of this process; None until the first is loaded."""
        return self._graph.current()

    def freshness(self) -> Freshness:
        """Stale while Postgres or the Kubernetes API is away; the age is that of the longer absence."""
        own = self._graph.freshness()
        silent = self._health.seconds(KUBERNETES)
        return own if silent is None else Freshness(stale=True, age=max(own.age, silent))
