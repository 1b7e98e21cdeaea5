"""Declarations and telemetry in the test's own event loop, wired as `cli.controller` wires them, by a clock that is stepped.

API server and Postgres are real, and so is the HTTP server that is asked. What lacks is the watch: a test says when to look.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from servicegraph.cli.telemetry import Telemetry
from servicegraph.clock import SteppedClock, SystemClock
from servicegraph.ingest.commit import GraphWriter
from servicegraph.kube.client import KubeClient
from servicegraph.local.cluster import OPERATOR_NAMESPACE
from servicegraph.model.servicedependency import API_VERSION
from servicegraph.reconcile.health import HealthBoard
from servicegraph.reconcile.inbox import Inbox
from servicegraph.reconcile.looks import Looks
from servicegraph.reconcile.objects import Objects
from servicegraph.reconcile.report import Report
from servicegraph.reconcile.resync import Resync
from servicegraph.reconcile.retries import Retries
from servicegraph.reconcile.run import Reconciler
from servicegraph.settings import Settings
from servicegraph.store.current import CurrentSnapshot
from servicegraph.store.engine import open_engine
from servicegraph.writeback.pace import Pace
from servicegraph.writeback.status import StatusWriter
from support.manifests import manifest, text
from support.rows import Rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.local.kubectl import Kubectl
    from servicegraph.writeback.source import Polled

INTERVAL = timedelta(minutes=5)
LATER = INTERVAL * 1.1 + timedelta(seconds=1)
"""After this a source that was well is due again."""
PATIENCE_SECONDS = 30.0


def source(name: str, url: str, **spec: Any) -> dict[str, Any]:
    """The manifest of a DiscoverySource; `secret` is the name of one that holds its token."""
    prometheus: dict[str, Any] = {"url": url}
    if secret := spec.pop("secret", None):
        prometheus["bearerTokenSecretRef"] = {"name": secret, "key": "token"}
    return {
        "apiVersion": API_VERSION,
        "kind": "DiscoverySource",
        "metadata": {"name": name},
        "spec": {"preset": "OTelCollector", "prometheus": prometheus, "interval": "5m", **spec},
    }


def secret(name: str, token: str) -> dict[str, Any]:
    """The manifest of a Secret that holds a token, where the operator may read it."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": OPERATOR_NAMESPACE},
        "stringData": {"token": f"{token}\n"},
    }


@dataclass
class Loop:
    """Its parts, running."""

    kubectl: Kubectl
    namespace: str
    kube: KubeClient
    clock: SteppedClock
    rows: Rows
    current: CurrentSnapshot
    inbox: Inbox
    objects: Objects
    reconciler: Reconciler
    report: Report
    statuses: StatusWriter
    resync: Resync
    health: HealthBoard
    telemetry: Telemetry

    async def declare(self, name: str, *targets: str | dict[str, Any]) -> None:
        """Have a team declare, and have that stored and reported."""
        await self.apply(manifest(name, *targets, namespace=self.namespace))
        await self.resync.compare()
        await self.settled()

    async def apply(self, *manifests: dict[str, Any]) -> None:
        """Apply manifests; what of them is a source is heard of at once."""
        await asyncio.to_thread(self.kubectl, "apply", "--server-side", "-f", "-", stdin=text(*manifests))
        await self.hear()

    async def delete(self, kind: str, *names: str) -> None:
        """Delete objects; `names` takes flags too."""
        await asyncio.to_thread(self.kubectl, "delete", kind, *names)
        await self.hear()

    async def hear(self) -> None:
        """Take in which sources there are now."""
        objects = self.telemetry.objects
        bodies = await self.kube.list_sources()
        there = {body["metadata"]["uid"] for body in bodies}
        for name, live in dict(objects.live).items():
            if live.uid not in there:
                objects.forget(name, live.uid)
        for body in bodies:
            objects.take(body)

    async def polled(self, name: str, *, after: timedelta | None = None) -> None:
        """Wait until a source that is new or changed is polled, or one that is not once more when the clock is stepped."""
        await self.next_result(name, after=after)
        await self.settled()

    async def next_result(self, name: str, *, after: timedelta | None = None) -> Polled:
        """The same, and what came of it, without waiting for what follows."""
        polls = self.telemetry.polls
        before = None
        if after is not None:
            before = polls.results[name]
            self.clock.step(after)
            polls.look_again()
        await until(lambda: polls.results.get(name, before) is not before, f"{name} is polled")
        return polls.results[name]

    async def settled(self) -> None:
        """Wait until everything heard of is stored, loaded and reported."""
        await self.inbox.idle()
        await self.reconciler.rested()
        await until(lambda: self.telemetry.polls.is_resting, "no poll is under way")
        version = await self.rows.one("SELECT version FROM graph_meta")
        await self.current.wait_for(version)
        await self.report.rested()
        await self.statuses.drained()
        await self.telemetry.rested()
        for body in await self.kube.list_dependencies():
            self.objects.take(body)  # as the watch brings what we have written ourselves

    async def status(self, name: str) -> dict[str, Any]:
        """The status of a declaration."""
        status: dict[str, Any] = (await self.kube.get_dependency(self.namespace, name))["status"]
        return status

    async def observed(self, name: str) -> tuple[str, str]:
        """Status and reason of its condition Observed."""
        return condition(await self.status(name), "Observed")

    async def source(self, name: str) -> dict[str, Any]:
        """The status of a source."""
        status: dict[str, Any] = (await self.kube.get_source(name))["status"]
        return status

    async def versions(self) -> dict[str, str]:
        """The resource version of every declaration: equal before and after means that none was written."""
        return {
            body["metadata"]["name"]: body["metadata"]["resourceVersion"]
            for body in await self.kube.list_dependencies()
        }

    def id(self, name: str) -> str:
        return f"{self.namespace}/{name}"

    def pair(self, ends: str) -> tuple[str, str]:
        """The call `a>b` between two services of the namespace."""
        client, _, server = ends.partition(">")
        return self.id(client), self.id(server)


def condition(status: dict[str, Any], kind: str) -> tuple[str, str]:
    """Status and reason of a condition; empty where it is not there."""
    found = {one["type"]: (one["status"], one["reason"]) for one in status.get("conditions", ())}
    return found.get(kind, ("", ""))


async def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until it holds."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not holds():  # noqa: ASYNC110 - it may be anything, and most of it has no event
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"not within {PATIENCE_SECONDS:.0f} s: {what}") from None


@contextlib.asynccontextmanager
async def running(
    database: str,
    kubeconfig: Path,
    kubectl: Kubectl,
    namespace: str,
    clock: SteppedClock | None = None,
    *,
    listed: bool = True,
    **settings: Any,
) -> AsyncIterator[Loop]:
    """A loop for the time of the block; its clock stands at the real time until it is stepped, or is one that is given.

    It begins once the sources are `listed`, unless that is not to be waited for.
    """
    chosen = Settings(
        database_url=database,
        kubeconfig=str(kubeconfig),
        watch_namespaces=namespace,
        **settings,
    )
    clock = clock or SteppedClock(SystemClock().now())
    engine = open_engine(database)
    inbox, objects, health, looks = Inbox(), Objects(), HealthBoard(), Looks()
    current = CurrentSnapshot(engine, SystemClock())
    async with KubeClient(chosen) as kube, _disposed(engine), asyncio.TaskGroup() as tasks:
        pace = Pace(1000)
        statuses = StatusWriter(kube, per_second=pace)
        report = Report(objects, inbox, current, statuses, clock, looks.watchers)
        resync = Resync(kube, engine, inbox, objects, report, health, chosen, asyncio.Event())
        writer = GraphWriter(engine, clock)
        reconciler = Reconciler(inbox, objects, writer, report, Retries(resync.fetch), health, clock)
        telemetry = Telemetry(kube, engine, writer, looks, health, chosen, clock, pace, report.touch_all)
        current.subscribe(report.touch_all)

        async def all_is_stored() -> None:
            await resync.compare()
            await inbox.idle()
            await reconciler.rested()

        parts = [tasks.create_task(part.run()) for part in (current, reconciler, report, statuses)]
        parts.append(tasks.create_task(telemetry.run(all_is_stored)))
        try:
            if listed:
                await telemetry.known.wait()
            yield Loop(
                kubectl=kubectl,
                namespace=namespace,
                kube=kube,
                clock=clock,
                rows=Rows(engine),
                current=current,
                inbox=inbox,
                objects=objects,
                reconciler=reconciler,
                report=report,
                statuses=statuses,
                resync=resync,
                health=health,
                telemetry=telemetry,
            )
        finally:
            for part in parts:
                part.cancel()


@contextlib.asynccontextmanager
async def _disposed(engine: AsyncEngine) -> AsyncIterator[None]:
    """Close its connections, also where a test fails."""
    try:
        yield
    finally:
        await engine.dispose()
