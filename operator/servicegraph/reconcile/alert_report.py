"""Reports alerts onto CycleAlert objects: the twin of `report` and of `writeback.status` in one, for there are few.

An object is a function of the alert, the graph and what Kubernetes shows of it. Whatever moves, this looks at the object anew
(`writeback.alerts.next_step`, pure) and takes step after step until nothing is left to do; each step draws on the budget that
all statuses share. A crash loses nothing: the next start looks at every object.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from functools import lru_cache
from typing import TYPE_CHECKING

from servicegraph import log, metrics
from servicegraph.errors import KubernetesConflict, KubernetesGone, Retry, ServicegraphError
from servicegraph.model.alert import AlertState
from servicegraph.reconcile.backoff import Backoff
from servicegraph.writeback.alerts import Create, Delete, next_step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servicegraph.clock import Clock
    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.kube.client import KubeClient
    from servicegraph.model.alert import Alert
    from servicegraph.model.ports import GraphReader
    from servicegraph.reconcile.alert_objects import AlertObjects
    from servicegraph.writeback.alerts import Step
    from servicegraph.writeback.live_alert import LiveAlert
    from servicegraph.writeback.pace import Pace

_log = log.get(__name__)

IN_FLIGHT = 10
"""Objects that are written at the same time."""


class AlertReport:
    """Brings objects to what they should say, one or all. For the reconciler's loop only."""

    def __init__(
        self,
        kube: KubeClient,
        objects: AlertObjects,
        reader: GraphReader,
        pace: Pace,
        clock: Clock,
        instance: str,
    ) -> None:
        self._kube = kube
        self._objects = objects
        self._reader = reader
        self._pace = pace
        self._clock = clock
        self._instance = instance
        self._first_version: int | None = None
        self._due: OrderedDict[str, None] = OrderedDict()
        self._busy: set[str] = set()
        self._backoffs: dict[str, Backoff] = {}
        self._foreign: set[str] = set()
        self._turns = asyncio.Semaphore(0)
        self._idle = asyncio.Event()
        self._idle.set()

    def begin(self, version: int) -> None:
        """From now on write, by graphs of `version` or later: before, alerts may be missing that are about to be adopted."""
        self._first_version = version
        self.touch_all()

    def touch(self, name: str) -> None:
        """Look at one object: it has changed."""
        if self._first_version is not None and name not in self._due:
            self._due[name] = None
            self._idle.clear()
            self._turns.release()

    def touch_all(self, _snapshot: Snapshot | None = None) -> None:
        """Look at every object and every alert: the graph has moved."""
        snapshot = self._snapshot()
        for name in dict.fromkeys([*self._objects.live, *(by_name(snapshot) if snapshot else ())]):
            self.touch(name)

    @property
    def pending(self) -> int:
        """Objects that are not yet known to be what they should be."""
        return len(self._due) + len(self._busy)

    async def rested(self) -> None:
        """Wait until every touched object has been looked at."""
        await self._idle.wait()

    async def run(self) -> None:
        """Report until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(IN_FLIGHT):
                group.create_task(self._work())

    async def _work(self) -> None:
        """Take turn after turn."""
        while True:
            await self._turns.acquire()
            name = next((one for one in self._due if one not in self._busy), None)
            if name is None:
                continue  # under way: its end makes the next turn
            del self._due[name]
            self._busy.add(name)
            pause = await self._bring(name)
            if pause is None:
                self._backoffs.pop(name, None)
                self._let_go(name)
            else:
                asyncio.get_running_loop().call_later(pause, self._look_again, name)
            await asyncio.sleep(0)  # where nothing is to be written, nothing else lets the others have a turn

    def _look_again(self, name: str) -> None:
        self.touch(name)
        self._let_go(name)

    def _let_go(self, name: str) -> None:
        self._busy.discard(name)
        if name in self._due:
            self._turns.release()
        if not self.pending:
            self._idle.set()

    async def _bring(self, name: str) -> float | None:
        """Take steps until nothing is left to do; else the seconds after which to look again."""
        taken: Step | None = None
        try:
            while (step := self._next(name)) is not None and step != taken:
                await asyncio.sleep(self._pace.book(asyncio.get_running_loop().time()))
                step = self._next(name)  # the wait may have been long
                if step is not None:
                    result = await self._take(name, step)
                    metrics.alert_writes.labels(result).inc()
                    taken = step if result == "written" else None
            if step is not None:
                _log.warning("alert.not_as_written", alert=name)
        except ServicegraphError as error:
            never = error.retry is Retry.NEVER
            metrics.alert_writes.labels("refused" if never else "unavailable").inc()
            _log.warning("alert.not_written", alert=name, error=error.message)
            if not never:
                return self._backoffs.setdefault(name, Backoff(first=0.5, cap=30.0)).next()
        except Exception:  # noqa: BLE001 - a fault in one alert must not stop all the others
            _log.exception("alert.fault", alert=name)
            metrics.alert_writes.labels("refused").inc()
        return None

    def _next(self, name: str) -> Step | None:
        snapshot = self._snapshot()
        if snapshot is None:
            return None
        alert, live = by_name(snapshot).get(name), self._objects.live.get(name)
        if alert and live and live.instance != self._instance and alert.state is not AlertState.RESOLVED:
            self._note_foreign(name, live.instance)
        return next_step(alert, live, snapshot, self._instance, self._clock.now())

    async def _take(self, name: str, step: Step) -> str:
        """Take one step, and note what the object is then.

        Raises:
            ServicegraphError: it could not be taken.
        """
        live = self._objects.live.get(name)
        try:
            return await self._write(name, live, step)
        except KubernetesConflict:
            return await self._read_again(name, live)
        except KubernetesGone:
            return self._gone(name, live)

    async def _write(self, name: str, live: LiveAlert | None, step: Step) -> str:
        if live is None or isinstance(step, Create):
            self._objects.take(await self._kube.create_alert(name, self._instance))
            return "created"
        if isinstance(step, Delete):
            await self._kube.delete_alert(name, live.uid, live.resource_version)
            self._objects.forget(name, live.uid)
            return "deleted"
        self._objects.take(await self._kube.apply_alert_status(name, live.resource_version, step.status))
        return "written"

    async def _read_again(self, name: str, live: LiveAlert | None) -> str:
        try:
            self._objects.take(await self._kube.get_alert(name))
        except KubernetesGone:
            return self._gone(name, live)
        return "conflict"

    def _gone(self, name: str, live: LiveAlert | None) -> str:
        if live is not None:
            self._objects.forget(name, live.uid)
        return "gone"

    def _snapshot(self) -> Snapshot | None:
        """The graph to report by; None while there is none that may be."""
        snapshot = self._reader.current()
        if snapshot is None or self._first_version is None or snapshot.mark.version < self._first_version:
            return None
        return snapshot

    def _note_foreign(self, name: str, instance: str) -> None:
        if name not in self._foreign:
            self._foreign.add(name)
            _log.warning("alert.foreign", alert=name, instance=instance)


@lru_cache(maxsize=1)
def by_name(snapshot: Snapshot) -> Mapping[str, Alert]:
    """The alerts of a snapshot by name; made once, for a change of the graph asks about every object."""
    return {alert.name: alert for alert in snapshot.alerts}
