"""Reports alerts onto CycleAlert objects: the twin of `report` and of `writeback.status` in one, for there are few.

An object is a function of the alert, the graph and what Kubernetes shows of it: `writeback.alerts.next_step`, pure, says what
is left to do, and `object_report` sees to it that it is done.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from servicegraph import log, metrics
from servicegraph.model.alert import AlertState
from servicegraph.reconcile.object_report import ObjectReport
from servicegraph.writeback.alerts import Create, Delete, Step, next_step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servicegraph.clock import Clock
    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.kube.client import KubeClient
    from servicegraph.model.alert import Alert
    from servicegraph.model.ports import GraphReader
    from servicegraph.reconcile.alert_objects import AlertObjects
    from servicegraph.writeback.pace import Pace

_log = log.get(__name__)


class AlertReport(ObjectReport[Step]):
    """Brings alerts to what they should say, one or all. For the reconciler's loop only."""

    def __init__(
        self,
        kube: KubeClient,
        objects: AlertObjects,
        reader: GraphReader,
        pace: Pace,
        clock: Clock,
        instance: str,
    ) -> None:
        super().__init__("alert", objects, kube.get_alert, pace, metrics.alert_writes)
        self._kube = kube
        self._objects = objects
        self._reader = reader
        self._clock = clock
        self._instance = instance
        self._first_version: int | None = None
        self._foreign: set[str] = set()

    def begin(self, version: int) -> None:
        """From now on write, by graphs of `version` or later: before, alerts may be missing that are about to be adopted."""
        self._first_version = version
        self.touch_all()

    def touch(self, name: str) -> None:
        """Look at one object: it has changed."""
        if self._first_version is not None:
            super().touch(name)

    def touch_all(self, _snapshot: Snapshot | None = None) -> None:
        """Look at every object and every alert: the graph has moved."""
        snapshot = self._snapshot()
        for name in dict.fromkeys([*self._objects.live, *(by_name(snapshot) if snapshot else ())]):
            self.touch(name)

    def _next(self, name: str) -> Step | None:
        snapshot = self._snapshot()
        if snapshot is None:
            return None
        alert, live = by_name(snapshot).get(name), self._objects.live.get(name)
        if alert and live and live.instance != self._instance and alert.state is not AlertState.RESOLVED:
            self._note_foreign(name, live.instance)
        return next_step(alert, live, snapshot, self._instance, self._clock.now())

    async def _write(self, name: str, step: Step) -> str:
        live = self._objects.live.get(name)
        if live is None or isinstance(step, Create):
            self._objects.take(await self._kube.create_alert(name, self._instance))
            return "created"
        if isinstance(step, Delete):
            await self._kube.delete_alert(name, live.uid, live.resource_version)
            self._objects.forget(name, live.uid)
            return "deleted"
        self._objects.take(await self._kube.apply_alert_status(name, live.resource_version, step.status))
        return "written"

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
