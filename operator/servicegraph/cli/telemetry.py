"""The telemetry's part of the controller: sources, polls, looks and the report on sources, made and wired, and run.

`controller` makes one beside what it makes for ServiceDependency objects and alerts.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from servicegraph.reconcile.polls import Polls
from servicegraph.reconcile.source_report import SourceReport
from servicegraph.reconcile.sources import SourceObjects, Sources

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.clock import Clock
    from servicegraph.ingest.commit import GraphWriter
    from servicegraph.kube.client import KubeClient
    from servicegraph.reconcile.health import HealthBoard
    from servicegraph.reconcile.looks import Looks
    from servicegraph.settings import Settings
    from servicegraph.writeback.pace import Pace


class Telemetry:
    """Everything that brings what telemetry shows into the graph, and says on the sources how that goes.

    `judge_again` is called when the condition Observed may come out otherwise though the graph is the same.

    Raises:
        SettingsError: the settings name a source that cannot be used.
    """

    def __init__(
        self,
        kube: KubeClient,
        engine: AsyncEngine,
        writer: GraphWriter,
        looks: Looks,
        health: HealthBoard,
        settings: Settings,
        clock: Clock,
        pace: Pace,
        judge_again: Callable[[], object],
    ) -> None:
        self.objects = SourceObjects(kube, health, settings.resync_minutes)
        self.polls = Polls(writer, looks, health, clock, self._tell, judge_again)
        self._sources = Sources(
            kube, engine, self.objects, self.polls, looks, health, settings, clock, self._tell
        )
        self._report = SourceReport(kube, self.objects, self._sources.standing, pace, clock)
        self._judge_again = judge_again

        self.known = asyncio.Event()
        """Set once it is known which sources there are, so that the condition Observed can be judged."""
        self.begun = asyncio.Event()
        """Set once they are polled."""

    async def run(self, all_is_stored: Callable[[], Awaitable[None]]) -> None:
        """Follow the objects; once all that is declared is stored, poll.

        Not before, since names are resolved by what is declared. What is under way when this is cancelled is rolled back, and
        polled anew by the next start.
        """
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.objects.run())
            tasks.create_task(self._report.run())
            await self._sources.begin()
            self.objects.subscribe(self._tell)
            self.known.set()
            self._judge_again()
            await all_is_stored()
            tasks.create_task(self.polls.run())
            self.begun.set()

    async def rested(self) -> None:
        """Wait until what is known of sources is written onto them."""
        await self._report.rested()

    def _tell(self, name: str) -> None:
        self._report.touch(name)
