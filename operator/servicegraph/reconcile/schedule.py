"""What has to happen because time passes: acknowledgements and acceptances end, what is over for long is forgotten.

Time changes no answer by itself, or two replicas would answer differently. So this looks at the clock and has a commit store
what has become of it, a version like any other. It acts when the next end is due, learns of new ends from each new graph, and
looks anyway once a minute. Only the process that reconciles runs it.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING

from servicegraph.errors import ServicegraphError
from servicegraph.ingest.batch import Batch, Retention
from servicegraph.reconcile.backoff import Backoff
from servicegraph.store.expiry import next_due

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.clock import Clock
    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.ingest.commit import GraphWriter
    from servicegraph.reconcile.health import HealthBoard
    from servicegraph.settings import Settings

LONGEST_SECONDS = 60.0
"""Between two looks at most; the log of changes is shortened at each."""


class Schedule:
    """Commits what time brings about. For the reconciler's loop only.

    Args:
        engine: is asked when something is due.
        writer: stores what time has brought about.
        health: hears when that does not work.
        settings: how long what is over is kept.
        clock: says what is due.
    """

    def __init__(
        self, engine: AsyncEngine, writer: GraphWriter, health: HealthBoard, settings: Settings, clock: Clock
    ) -> None:
        self._engine = engine
        self._writer = writer
        self._health = health
        self._clock = clock
        self._retention = Retention(
            alerts=timedelta(hours=settings.cycle_alert_retention_hours),
            changes=timedelta(hours=settings.stale_edge_retention_hours),
        )
        self._graph_moved = asyncio.Event()
        self._backoff = Backoff(first=1.0, cap=LONGEST_SECONDS)

    def look_again(self, _snapshot: Snapshot | None = None) -> None:
        """Ask anew what is due next: the graph has moved."""
        self._graph_moved.set()

    async def run(self) -> None:
        """Act whenever something is due, until cancelled; outages are waited out."""
        while True:
            try:
                await self._writer.commit(Batch(retention=self._retention))
                self._health.clear("schedule")
                self._backoff.reset()
                await self._until_due()
            except ServicegraphError as error:
                self._health.report("schedule", f"what time brings about is not stored: {error.message}")
                await asyncio.sleep(self._backoff.next())

    async def _until_due(self) -> None:
        """Wait for the next end, which may change with every new graph.

        Raises:
            ServicegraphError: Postgres cannot be asked.
        """
        latest = self._clock.monotonic() + LONGEST_SECONDS
        while True:
            self._graph_moved.clear()
            seconds = await self._seconds_left(latest)
            if seconds <= 0:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._graph_moved.wait()

    async def _seconds_left(self, latest: float) -> float:
        due = await next_due(self._engine, self._retention.alerts)
        left = latest - self._clock.monotonic()
        return left if due is None else min(left, (due - self._clock.now()).total_seconds())
