"""The alerts' part of the controller: objects, adoption, acknowledgements, report, announcer, made and wired, run and drained.

`controller` makes one beside what it makes for ServiceDependency objects.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from servicegraph.reconcile.acknowledgements import Acknowledgements
from servicegraph.reconcile.adoption import Adopting
from servicegraph.reconcile.alert_objects import AlertObjects
from servicegraph.reconcile.alert_report import AlertReport
from servicegraph.reconcile.announcer import Announcer
from servicegraph.writeback.events import Recorder

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.clock import Clock
    from servicegraph.ingest.commit import GraphWriter
    from servicegraph.kube.client import KubeClient
    from servicegraph.reconcile.health import HealthBoard
    from servicegraph.reconcile.objects import Objects
    from servicegraph.settings import Settings
    from servicegraph.store.current import CurrentSnapshot
    from servicegraph.writeback.pace import Pace


class Alerting:
    """Everything that keeps CycleAlert objects and the alerts of the graph in step."""

    def __init__(
        self,
        kube: KubeClient,
        engine: AsyncEngine,
        writer: GraphWriter,
        current: CurrentSnapshot,
        declared: Objects,
        health: HealthBoard,
        settings: Settings,
        clock: Clock,
        pace: Pace,
    ) -> None:
        instance = settings.instance_name
        self.objects = AlertObjects(kube, health, settings.resync_minutes)
        self.adopting = Adopting(self.objects, writer, instance)
        self._acknowledgements = Acknowledgements(self.objects, current, writer, health, instance)
        self._report = AlertReport(kube, self.objects, current, pace, clock, instance)
        recorder = Recorder(kube, clock, instance)
        self._announcer = Announcer(engine, writer, recorder, current, declared, self.objects, instance)
        self.objects.subscribe(self._report.touch)
        for look in (self._acknowledgements.look, self._announcer.look):
            self.objects.subscribe(look)
            current.subscribe(look)
        current.subscribe(self._report.touch_all)
        self._begun = False

    @property
    def pending(self) -> int:
        """Objects that are not yet known to be what they should be."""
        return self._report.pending

    async def run(self, all_is_stored: Callable[[], Awaitable[None]]) -> None:
        """Follow the objects; once all that exists is stored, settle what is left of lost alerts and begin to write."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.objects.run())
            await all_is_stored()
            self._report.begin(await self.adopting.finish())
            self._begun = True
            tasks.create_task(self._report.run())
            tasks.create_task(self._acknowledgements.run())
            tasks.create_task(self._announcer.run())
            self._acknowledgements.look()
            self._announcer.look()

    async def rested(self) -> None:
        """Wait until what is known has been stored and reported. Events wait in Postgres: the next start goes on with them."""
        if self._begun:
            await self._acknowledgements.rested()
            await self._report.rested()
