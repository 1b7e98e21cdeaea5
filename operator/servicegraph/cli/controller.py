"""The controller: watch, reconciler, report, resync, schedule, alerts and telemetry, made and wired, run and drained.

`run` calls it for the roles `all` and `controller`.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from servicegraph import log
from servicegraph.cli.alerting import Alerting
from servicegraph.cli.telemetry import Telemetry
from servicegraph.controllers.watch import Others, Watch
from servicegraph.ingest.ageing import Thresholds
from servicegraph.ingest.commit import GraphWriter
from servicegraph.kube.client import KubeClient
from servicegraph.reconcile.inbox import Inbox
from servicegraph.reconcile.intake import Intake
from servicegraph.reconcile.looks import Looks
from servicegraph.reconcile.objects import Objects
from servicegraph.reconcile.report import Report
from servicegraph.reconcile.resync import Resync
from servicegraph.reconcile.retries import Retries
from servicegraph.reconcile.run import Reconciler
from servicegraph.reconcile.schedule import Schedule
from servicegraph.writeback.pace import Pace
from servicegraph.writeback.status import StatusWriter

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.clock import Clock
    from servicegraph.reconcile.health import HealthBoard
    from servicegraph.settings import Settings
    from servicegraph.store.current import CurrentSnapshot

_log = log.get(__name__)

DRAIN_SECONDS = 8.0
"""How long a stopped controller may take to end the watch, then to store and report what it has heard."""


A_MOMENT_SECONDS = 5.0
"""How long the first batch waits until it is known which sources of telemetry there are."""


async def control(
    stop: asyncio.Event,
    settings: Settings,
    engine: AsyncEngine,
    current: CurrentSnapshot,
    health: HealthBoard,
    clock: Clock,
) -> None:
    """Reconcile until `stop` is set, then drain and return."""
    async with KubeClient(settings) as kube:
        restart = asyncio.Event()
        inbox = Inbox()
        objects = Objects()
        pace = Pace(settings.status_writes_per_second)
        statuses = StatusWriter(kube, per_second=pace)
        looks = Looks()
        report = Report(objects, inbox, current, statuses, clock, looks.watchers)
        resync = Resync(kube, engine, inbox, objects, report, health, settings, restart)
        retries = Retries(resync.fetch)
        writer = GraphWriter(engine, clock, Thresholds.of(settings))
        alerting = Alerting(kube, engine, writer, current, objects, health, settings, clock, pace)
        telemetry = Telemetry(kube, engine, writer, looks, health, settings, clock, pace, report.touch_all)
        adoption = alerting.adopting.offer
        reconciler = Reconciler(inbox, objects, writer, report, retries, health, clock, adoption)
        schedule = Schedule(engine, writer, health, settings, clock)
        intake = Intake(inbox, objects, report, resync)

        def compare() -> None:
            """Find what the watch may have missed."""
            resync.request()
            alerting.objects.request()
            telemetry.objects.request()

        watch = Watch(
            kube.credentials,
            intake.deliver,
            Others(alerting.objects.deliver, telemetry.objects.deliver),
            restart,
            health,
            compare,
            settings.namespaces,
        )
        health.ask("status", statuses.problem)
        current.subscribe(report.touch_all)
        current.subscribe(schedule.look_again)

        async def all_is_stored() -> None:
            """Wait until everything that a first complete comparison found has been stored."""
            await resync.done_once.wait()
            while len(inbox) or not reconciler.is_resting:
                await inbox.idle()
                await reconciler.rested()

        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(alerting.run(all_is_stored)),
                tasks.create_task(telemetry.run(all_is_stored)),
                tasks.create_task(report.run()),
                tasks.create_task(statuses.run()),
                tasks.create_task(resync.run()),
                tasks.create_task(schedule.run()),
            ]
            # Nothing is stored before it is known which alerts there are: they may be all that is left of a lost database.
            await _first(stop, alerting.objects.listed)
            if not stop.is_set():
                await _briefly(stop, telemetry.known)
                running.append(tasks.create_task(reconciler.run()))
                await _first(stop, resync.done_once)
                watching = tasks.create_task(watch.run(stop))
                await stop.wait()
                retries.stop()
                await _drain(watching, inbox, reconciler, report, statuses, alerting)
            for task in running:
                task.cancel()


async def _first(*events: asyncio.Event) -> None:
    """Wait until one of the events is set."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


async def _briefly(*events: asyncio.Event) -> None:
    """Wait until one of the events is set, for a moment at most: what is known by then spares a second write."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(A_MOMENT_SECONDS):
            await _first(*events)


async def _drain(
    watching: asyncio.Task[None],
    inbox: Inbox,
    reconciler: Reconciler,
    report: Report,
    statuses: StatusWriter,
    alerting: Alerting,
) -> None:
    """Let what was heard be stored, then reported, within `DRAIN_SECONDS`; the next start finds whatever is left."""
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            await watching
            await inbox.idle()
            await reconciler.rested()
            await report.rested()
            await statuses.drained()
            await alerting.rested()
    except TimeoutError:
        _log.warning(
            "run.not_drained",
            inbox=len(inbox),
            reports=report.pending,
            statuses=statuses.backlog,
            alerts=alerting.pending,
        )
