"""Writes statuses: the latest of each object, only where it differs, within a budget, until it is written or pointless.

What becomes of a write: written; *conflict* (the object has moved on to another generation: the watch brings that one, and with
it a new status); *gone*; *refused* (logged, tried again only when the object changes); or the API server is away, and the write
waits with a growing pause. A crash loses nothing: the next start compares and submits again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from servicegraph import log, metrics
from servicegraph.clock import pause
from servicegraph.errors import (
    KubernetesConflict,
    KubernetesGone,
    KubernetesUnavailable,
    Retry,
    ServicegraphError,
)
from servicegraph.model.packed import pack, unpack
from servicegraph.writeback.desired import differs
from servicegraph.writeback.live import LiveObject
from servicegraph.writeback.pace import Pace

if TYPE_CHECKING:
    from servicegraph.kube.client import KubeClient

_log = log.get(__name__)

IN_FLIGHT = 20
"""Writes under way at the same time."""
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0


@dataclass(slots=True)
class _Write:
    """A status that an object should get."""

    live: LiveObject
    packed: bytes
    """The status; thousands may wait."""
    failures: int = 0

    @property
    def status(self) -> dict[str, Any]:
        """The status, unpacked at each call."""
        return unpack(self.packed)


class StatusWriter:
    """A queue of status writes that keeps one per object. For one event loop.

    `per_second` is how many at most; a pace that somebody else draws on too is shared.
    """

    def __init__(
        self, kube: KubeClient, *, per_second: float | Pace, first_pause: float = _FIRST_PAUSE
    ) -> None:
        self._kube = kube
        self._pace = per_second if isinstance(per_second, Pace) else Pace(per_second)
        self._first_pause = first_pause
        self._waiting: dict[str, _Write] = {}
        self._writing: set[str] = set()
        self._turns: asyncio.Queue[str] = asyncio.Queue()
        """Uids whose write may begin. One may stand here twice or for nothing: what counts is `_waiting`."""
        self._idle = asyncio.Event()
        self._idle.set()
        self._away = ""
        """What the API server last answered instead of taking a write; empty once it has taken one."""

    @property
    def backlog(self) -> int:
        """Objects whose status is not yet what it should be."""
        return len(self._waiting) + len(self._writing)

    def problem(self) -> str | None:
        """Why statuses wait to be written; None while none has to."""
        return f"statuses wait to be written: {self._away}" if self._away and self.backlog else None

    def submit(self, live: LiveObject, status: dict[str, Any]) -> None:
        """Have `status` written to `live`; replaces what still waits to be written to it."""
        known = self._waiting.get(live.uid)
        if live.uid not in self._writing and not differs(live.status, status):
            self._waiting.pop(live.uid, None)
        elif known is not None:
            known.live, known.packed = live, pack(status)
        else:
            self._waiting[live.uid] = _Write(live, pack(status))
            self._turns.put_nowait(live.uid)
        self._recount()

    async def drained(self) -> None:
        """Wait until nothing is left to be written."""
        await self._idle.wait()

    async def run(self) -> None:
        """Write until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(IN_FLIGHT):
                group.create_task(self._work())

    async def _work(self) -> None:
        """Take turn after turn."""
        loop = asyncio.get_running_loop()
        while True:
            uid = await self._turns.get()
            if uid not in self._waiting or uid in self._writing:
                continue  # withdrawn, or under way: then its end makes the next turn
            self._writing.add(uid)
            try:
                await asyncio.sleep(self._pace.book(loop.time()))
                # Taken only now, so that what was submitted during the wait is what gets written.
                write = self._waiting.pop(uid, None)
                if write is not None and differs(write.live.status, write.status):
                    await self._attempt(write)
            finally:
                self._writing.discard(uid)
                self._recount()

    async def _attempt(self, write: _Write) -> None:
        """Write once, and see to what has to follow."""
        uid = write.live.uid
        wait = 0.0
        try:
            result, now = await self._write(write)
        except KubernetesGone:
            result, now = "gone", None
        except ServicegraphError as error:
            result, now = self._failed(write, error), None
            if error.retry is not Retry.NEVER:
                wait = self._keep(write, error)
        except Exception:  # noqa: BLE001 - a fault in one status must not stop all the others
            _log.exception("status.fault", namespace=write.live.namespace, name=write.live.name)
            result, now = "refused", None
        metrics.status_writes.labels(result).inc()
        if result == "written":
            self._note_away("")
        newer = self._waiting.get(uid)
        if newer is None:
            return
        if now is not None:
            newer.live = now
            if not differs(now.status, newer.status):
                del self._waiting[uid]
                return
        asyncio.get_running_loop().call_later(wait, self._turns.put_nowait, uid)

    async def _write(self, write: _Write) -> tuple[str, LiveObject | None]:
        """Apply; where the object has changed meanwhile, look once what it is now."""
        live, status = write.live, write.status
        try:
            return "written", await self._apply(live, status)
        except KubernetesConflict:
            fresh = LiveObject.of(await self._kube.get_dependency(live.namespace, live.name))
        if fresh.uid != live.uid:
            return "gone", None
        if fresh.generation != live.generation:
            return "conflict", None
        if not differs(fresh.status, status):
            return "unchanged", fresh
        return "written", await self._apply(fresh, status)

    async def _apply(self, live: LiveObject, status: dict[str, Any]) -> LiveObject:
        return LiveObject.of(
            await self._kube.apply_dependency_status(live.namespace, live.name, live.resource_version, status)
        )

    def _failed(self, write: _Write, error: ServicegraphError) -> str:
        """Say what went wrong, an outage only once."""
        if isinstance(error, KubernetesConflict):
            return "conflict"
        if isinstance(error, KubernetesUnavailable):
            self._note_away(error.message)
            return "unavailable"
        _log.warning(
            "status.refused", namespace=write.live.namespace, name=write.live.name, error=error.message
        )
        return "refused"

    def _keep(self, write: _Write, error: ServicegraphError) -> float:
        """Let it wait, unless something newer does; the answer is how many seconds."""
        newer = self._waiting.setdefault(write.live.uid, write)
        newer.failures = write.failures + 1
        asked = min(getattr(error, "retry_after", None) or 0.0, _LONGEST_PAUSE)
        return max(asked, pause(write.failures, self._first_pause, _LONGEST_PAUSE))

    def _note_away(self, error: str) -> None:
        if bool(error) != bool(self._away):
            _log.warning("status.unavailable", error=error) if error else _log.info("status.recovered")
        self._away = error

    def _recount(self) -> None:
        metrics.status_backlog.set(self.backlog)
        if self.backlog:
            self._idle.clear()
        else:
            self._idle.set()
