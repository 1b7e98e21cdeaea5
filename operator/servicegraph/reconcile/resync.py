"""Mark and sweep: the full comparison that makes the operator correct even if every event of the watch were lost.

At the start, after the watch has listed anew, and every `RESYNC_MINUTES`: read what is stored, list what exists, decide
(`sweep.plan`, pure), then put what was missed into the inbox and remove what is gone. A list that fails or breaks off removes
nothing. What the list shows and the watch has not delivered is told to `deafness`.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

from servicegraph import log, metrics
from servicegraph.errors import KubernetesGone, ServicegraphError
from servicegraph.reconcile.backoff import Backoff
from servicegraph.reconcile.deafness import Deafness
from servicegraph.reconcile.inbox import Change
from servicegraph.reconcile.sweep import plan
from servicegraph.store.objects import stored_objects

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.kube.client import KubeClient
    from servicegraph.reconcile.health import HealthBoard
    from servicegraph.reconcile.inbox import Inbox
    from servicegraph.reconcile.objects import Objects
    from servicegraph.reconcile.report import Report
    from servicegraph.settings import Settings

_log = log.get(__name__)


class Resync:
    """Compares everything, now and then."""

    def __init__(
        self,
        kube: KubeClient,
        engine: AsyncEngine,
        inbox: Inbox,
        objects: Objects,
        report: Report,
        health: HealthBoard,
        settings: Settings,
        restart_watch: asyncio.Event,
    ) -> None:
        self._kube = kube
        self._engine = engine
        self._inbox = inbox
        self._objects = objects
        self._report = report
        self._health = health
        self._settings = settings
        self._asked = asyncio.Event()
        self._deafness = Deafness(objects, health, restart_watch, self.request)
        self.done_once = asyncio.Event()
        """Set after the first complete comparison: only a list that works shows that the CRD exists to be watched."""

    def request(self) -> None:
        """Compare soon: the watch may have missed something."""
        self._asked.set()

    async def run(self) -> None:
        """Compare at once, then on request and on the timer, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._deafness.run())
            tasks.create_task(self._compare_for_ever())

    async def _compare_for_ever(self) -> None:
        backoff = Backoff(first=0.5, cap=30.0)
        while True:
            self._asked.clear()
            try:
                await self.compare()
            except ServicegraphError as error:
                metrics.resyncs.labels("failed").inc()
                self._health.report("resync", f"the last full comparison failed: {error.message}")
                await asyncio.sleep(backoff.next())
                continue
            metrics.resyncs.labels("done").inc()
            backoff.reset()
            self.done_once.set()
            await self._until_next()

    async def compare(self) -> None:
        """Do one full comparison.

        Raises:
            ServicegraphError: the store or the API server did not answer; nothing was removed.
        """
        stored = await stored_objects(self._engine)
        listed = await self._kube.list_dependencies()
        self._health.clear("kubernetes")
        decided = plan(
            stored,
            listed,
            self._objects.heard,
            self._objects.gone,
            namespaces=self._settings.namespaces,
            max_removal=self._settings.resync_max_removal,
        )
        for body in listed:
            if body["metadata"]["uid"] in decided.missed or self._objects.find(body):
                self._put(body)
        self._sweep(decided.orphans, decided.refused)
        metrics.resync_missed.inc(len(decided.missed))
        # The first time too, when the watch has heard of nothing: it starts now, and may never work.
        self._deafness.suspect(decided.unheard)
        # A status that the API server refused is tried again: what forbade it may be mended.
        self._report.touch_all()

    async def fetch(self, uid: str) -> None:
        """Read one object anew and have it reconciled, whatever is known of it; one that is gone is heard of otherwise.

        Raises:
            ServicegraphError: the API server did not answer.
        """
        known = self._objects.live.get(uid)
        if known is None:
            return
        try:
            body = await self._kube.get_dependency(known.namespace, known.name)
        except KubernetesGone:
            return
        if body["metadata"]["uid"] == uid:
            self._put(body)

    def _put(self, body: dict[str, Any]) -> None:
        # A list takes its time: what the watch has said since it was read counts, above all that the object is gone.
        if self._objects.take(body):
            self._inbox.put(Change(body["metadata"]["uid"], body))

    def _sweep(self, orphans: tuple[str, ...], refused: str) -> None:
        kept = {uid for uid in orphans if uid not in self._objects.gone} if refused else set()
        metrics.resync_orphans.set(len(kept))
        if refused:
            self._health.report("resync", refused)
        else:
            self._health.clear("resync")
        swept = [uid for uid in orphans if uid not in kept]
        for uid in swept:
            self._objects.forget(uid)
            self._inbox.put(Change(uid, None, "swept"))
        if swept:
            _log.info("resync.swept", objects=len(swept))

    async def _until_next(self) -> None:
        seconds = self._settings.resync_minutes * 60 * random.uniform(0.9, 1.1)  # noqa: S311 - spreads load, guards nothing
        try:
            async with asyncio.timeout(seconds):
                await self._asked.wait()
        except TimeoutError:
            pass
