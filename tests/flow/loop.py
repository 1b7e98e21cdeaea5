"""The reconciler in the test's own event loop, wired as `cli.controller` wires it, on the real API server and Postgres.

What it lacks is the watch: a test says when to look (`look`), so that what comes in one batch is the test's choice. And it
counts its commits.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from servicegraph.clock import SystemClock
from servicegraph.ingest.commit import GraphWriter
from servicegraph.kube.client import KubeClient
from servicegraph.reconcile.health import HealthBoard
from servicegraph.reconcile.inbox import Inbox
from servicegraph.reconcile.intake import Intake
from servicegraph.reconcile.objects import Objects
from servicegraph.reconcile.report import Report
from servicegraph.reconcile.resync import Resync
from servicegraph.reconcile.retries import Retries
from servicegraph.reconcile.run import Reconciler
from servicegraph.settings import Settings
from servicegraph.store.current import CurrentSnapshot
from servicegraph.store.engine import open_engine
from servicegraph.writeback.status import StatusWriter
from support.rows import Rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.ingest.batch import Batch, Committed

PATIENCE_SECONDS = 30.0


class CountingWriter(GraphWriter):
    """Remembers how many objects each attempt to commit was about."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine, SystemClock())
        self.attempts: list[int] = []
        self.bug_in = ""
        """The object for whose declaration this program has a bug."""

    async def commit(self, batch: Batch, *, epoch: int | None = None) -> Committed:
        self.attempts.append(len(batch.objects) + len(batch.stalled) + len(batch.removed))
        if any(one.name == self.bug_in for one in batch.objects):
            raise ZeroDivisionError("a mistake of ours")
        return await super().commit(batch, epoch=epoch)


@dataclass
class Loop:
    """Its parts, running."""

    kube: KubeClient
    rows: Rows
    writer: CountingWriter
    current: CurrentSnapshot
    inbox: Inbox
    objects: Objects
    reconciler: Reconciler
    report: Report
    statuses: StatusWriter
    resync: Resync
    intake: Intake
    health: HealthBoard

    async def look(self) -> None:
        """List the namespace and take in, as one batch, what is new there."""
        await self.resync.compare()

    async def settled(self) -> None:
        """Wait until everything heard of is stored and reported."""
        await self.inbox.idle()
        await self.reconciler.rested()
        await self.report.rested()
        await self.statuses.drained()

    async def conditions(self, kind: str) -> dict[str, dict[str, Any]]:
        """A condition of each object that has it, by the object's name, as the API server shows it."""
        return {
            body["metadata"]["name"]: one
            for body in await self.kube.list_dependencies()
            for one in body["status"].get("conditions", [])
            if one["type"] == kind
        }

    def edges(self) -> set[tuple[str, str]]:
        """The edges of the newest snapshot, as names."""
        graph = self.current.current()
        if graph is None:
            return set()
        return {
            (graph.nodes[source].key.name, graph.nodes[target].key.name)
            for source, target in zip(graph.edges.source, graph.edges.target, strict=True)
        }


async def until(holds: Callable[[], bool]) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():  # noqa: ASYNC110 - it may be anything, and most of it has no event
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def running(
    database: str, kubeconfig: Path, namespace: str, *, first_retry: float
) -> AsyncIterator[Loop]:
    """A loop for the time of the block; `first_retry` is the first pause before what was refused is tried again."""
    settings = Settings(database_url=database, kubeconfig=str(kubeconfig), watch_namespaces=namespace)
    engine = open_engine(database)
    inbox, objects, health = Inbox(), Objects(), HealthBoard()
    current = CurrentSnapshot(engine, SystemClock())
    async with KubeClient(settings) as kube, asyncio.TaskGroup() as tasks:
        statuses = StatusWriter(kube, per_second=1000)
        report = Report(objects, inbox, current, statuses, SystemClock())
        resync = Resync(kube, engine, inbox, objects, report, health, settings, asyncio.Event())
        retries = Retries(resync.fetch, first=first_retry)
        writer = CountingWriter(engine)
        reconciler = Reconciler(inbox, objects, writer, report, retries, health, SystemClock())
        current.subscribe(report.touch_all)
        parts = [tasks.create_task(part.run()) for part in (current, reconciler, report, statuses)]
        intake = Intake(inbox, objects, report, resync)
        try:
            yield Loop(
                kube=kube,
                rows=Rows(engine),
                writer=writer,
                current=current,
                inbox=inbox,
                objects=objects,
                reconciler=reconciler,
                report=report,
                statuses=statuses,
                resync=resync,
                intake=intake,
                health=health,
            )
        finally:
            retries.stop()
            for part in parts:
                part.cancel()
    await engine.dispose()
