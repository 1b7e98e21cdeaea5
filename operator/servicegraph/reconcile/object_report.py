"""Brings objects of one cluster-scoped kind to what they should say, one or all.

Whatever moves, this looks at the object anew and takes step after step until nothing is left to do; each step draws on the
budget that all statuses share. A crash loses nothing: the next start looks at every object. `alert_report` and `source_report`
say what the next step is and how it is taken.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from servicegraph import log
from servicegraph.errors import KubernetesConflict, KubernetesGone, Retry, ServicegraphError
from servicegraph.reconcile.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from prometheus_client import Counter

    from servicegraph.reconcile.cluster_objects import ClusterObjects
    from servicegraph.writeback.pace import Pace

_log = log.get(__name__)

IN_FLIGHT = 10
"""Objects that are written at the same time."""

_Step = TypeVar("_Step")


class ObjectReport(ABC, Generic[_Step]):
    """Takes the steps. For the reconciler's loop only.

    Args:
        what: the word for such an object in the log.
        objects: what Kubernetes shows of them.
        get: reads one anew.
        pace: the budget of writes.
        writes: counts them by result.
    """

    def __init__(
        self,
        what: str,
        objects: ClusterObjects[Any],
        get: Callable[[str], Awaitable[dict[str, Any]]],
        pace: Pace,
        writes: Counter,
    ) -> None:
        self._what = what
        self._shown = objects
        self._get = get
        self._pace = pace
        self._writes = writes
        self._due: OrderedDict[str, None] = OrderedDict()
        self._busy: set[str] = set()
        self._backoffs: dict[str, Backoff] = {}
        self._turns = asyncio.Semaphore(0)
        self._idle = asyncio.Event()
        self._idle.set()

    @abstractmethod
    def _next(self, name: str) -> _Step | None:
        """What has to be done next; None if nothing has."""

    @abstractmethod
    async def _write(self, name: str, step: _Step) -> str:
        """Do it, note what the object is then, and say in a word what was done.

        Raises:
            ServicegraphError: it could not be done.
        """

    def touch(self, name: str) -> None:
        """Look at one object: it, or what is to be said on it, has changed."""
        if name not in self._due:
            self._due[name] = None
            self._idle.clear()
            self._turns.release()

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
        taken: _Step | None = None
        try:
            while (step := self._next(name)) is not None and step != taken:
                await asyncio.sleep(self._pace.book(asyncio.get_running_loop().time()))
                step = self._next(name)  # the wait may have been long
                if step is not None:
                    result = await self._take(name, step)
                    self._writes.labels(result).inc()
                    taken = step if result == "written" else None
            if step is not None:
                _log.warning(f"{self._what}.not_as_written", name=name)
        except ServicegraphError as error:
            never = error.retry is Retry.NEVER
            self._writes.labels("refused" if never else "unavailable").inc()
            _log.warning(f"{self._what}.not_written", name=name, error=error.message)
            if not never:
                return self._backoffs.setdefault(name, Backoff(first=0.5, cap=30.0)).next()
        except Exception:  # noqa: BLE001 - a fault in one object must not stop all the others
            _log.exception(f"{self._what}.fault", name=name)
            self._writes.labels("refused").inc()
        return None

    async def _take(self, name: str, step: _Step) -> str:
        """Take one step.

        Raises:
            ServicegraphError: it could not be taken.
        """
        known = self._shown.live.get(name)
        try:
            return await self._write(name, step)
        except KubernetesConflict:
            result = await self._read_again(name)
        except KubernetesGone:
            result = "gone"
        if result == "gone" and known is not None:
            self._shown.forget(name, known.uid)
        return result

    async def _read_again(self, name: str) -> str:
        try:
            self._shown.take(await self._get(name))
        except KubernetesGone:
            return "gone"
        return "conflict"
