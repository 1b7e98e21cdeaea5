"""Reports the graph back onto the objects.

A status is a function of the graph, the object as Kubernetes shows it, and how it stands with us. So whatever moves (a
commit of our own, another writer's version, a status that somebody edited) this only works out what an object
should say and hands it to the status writer, which leaves alone what already says so.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from servicegraph import log
from servicegraph.writeback.desired import desired
from servicegraph.writeback.standing import Stored

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from servicegraph.checks.observing import Watcher
    from servicegraph.clock import Clock
    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.model.ports import GraphReader
    from servicegraph.reconcile.inbox import Inbox
    from servicegraph.reconcile.objects import Objects
    from servicegraph.writeback.status import StatusWriter

_log = log.get(__name__)

_SLICE = 50
"""Objects looked at before the loop may serve others: about a millisecond or two."""
_SETTLE_SECONDS = 2.0
"""How long a report waits for a busy inbox, so that a first sync does not write what its next batch will change."""


class Report:
    """Compares and hands over, one object or all. For the reconciler's loop only.

    `watchers` gives the sources of telemetry as of a version of the graph; None until it is known which there are.
    """

    def __init__(
        self,
        objects: Objects,
        inbox: Inbox,
        reader: GraphReader,
        statuses: StatusWriter,
        clock: Clock,
        watchers: Callable[[int], Sequence[Watcher] | None] = lambda _version: (),
    ) -> None:
        self._objects = objects
        self._inbox = inbox
        self._reader = reader
        self._statuses = statuses
        self._clock = clock
        self._watchers = watchers
        self._touched: set[str] = set()
        self._wake = asyncio.Event()
        self._resting = asyncio.Event()
        self._resting.set()

    def touch(self, uid: str) -> None:
        """Look at one object: it, or how it stands, has changed."""
        self._touched.add(uid)
        self._stir()

    def touch_all(self, _snapshot: Snapshot | None = None) -> None:
        """Look at every object: the graph has moved."""
        self._touched.update(self._objects.live)
        self._stir()

    @property
    def pending(self) -> int:
        """Objects that have not been looked at since they were touched."""
        return len(self._touched)

    async def rested(self) -> None:
        """Wait until every touched object has been looked at."""
        await self._resting.wait()

    async def run(self) -> None:
        """Report until cancelled."""
        while True:
            await self._wake.wait()
            await self._let_settle()
            self._wake.clear()
            touched, self._touched = self._touched, set()
            await self.report(touched)
            if not self._touched:
                self._resting.set()

    async def report(self, uids: set[str]) -> None:
        """Hand over the status of each of these objects that does not say what it should."""
        snapshot = self._reader.current()
        for count, uid in enumerate(uids, start=1):
            try:
                judged = self._look_at(uid, snapshot)
            except Exception:  # noqa: BLE001 - a fault in one status must not stop all the others
                _log.exception("report.fault", uid=uid)
                continue
            if not judged:
                self._touched.add(uid)  # its version is not loaded yet; the snapshot that brings it wakes us
            if count % _SLICE == 0:
                await asyncio.sleep(0)

    def _stir(self) -> None:
        self._wake.set()
        self._resting.clear()

    def _look_at(self, uid: str, snapshot: Snapshot | None) -> bool:
        """False when the object cannot be judged yet."""
        live = self._objects.live.get(uid)
        standing = self._objects.standing.get(uid)
        if live is None or standing is None:
            return True
        if isinstance(standing, Stored) and (snapshot is None or snapshot.mark.version < standing.version):
            return False
        watchers = self._watchers(snapshot.mark.version) if snapshot is not None else None
        self._statuses.submit(live, desired(live, standing, snapshot, self._clock.now(), watchers))
        return True

    async def _let_settle(self) -> None:
        try:
            async with asyncio.timeout(_SETTLE_SECONDS):
                await self._inbox.idle()
        except TimeoutError:
            pass  # under steady change, reports must still come
