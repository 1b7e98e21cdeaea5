"""What waits to be reconciled: the latest word on each object, once.

Kopf's thread, the resync and the retries all put bodies here; `reconcile.run` takes them out in batches. Ten changes of one
object while Postgres is away become one, so the inbox is never larger than the number of objects; and what waits is packed, as
at a start all of them do.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from servicegraph import metrics
from servicegraph.model.packed import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

BATCH_OBJECTS = 500
BATCH_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Change:
    """The newest that is known of one object."""

    uid: str
    body: dict[str, Any] | None
    """The object; None when it exists no more."""
    reason: str = ""
    """Why it exists no more: `deleted` or `swept`."""
    since: float = field(default=0.0, compare=False)
    """When, on the loop's clock, the first word came that is not yet stored; the inbox sees to it."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A change whose body is packed."""

    uid: str
    packed: bytes | None
    reason: str
    since: float

    @classmethod
    def of(cls, change: Change, since: float) -> _Waiting:
        """The change, waiting since then."""
        return cls(change.uid, None if change.body is None else pack(change.body), change.reason, since)

    def change(self) -> Change:
        """The change again."""
        body = None if self.packed is None else unpack(self.packed)
        return Change(self.uid, body, self.reason, self.since)


class Inbox:
    """A queue of changes that keeps one per object. For the reconciler's loop only."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        self._some = asyncio.Event()
        self._none = asyncio.Event()
        self._none.set()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, change: Change) -> None:
        """Add a change; it replaces an older one of the same object and keeps its place in the queue."""
        older = self._waiting.get(change.uid)
        since = older.since if older else asyncio.get_running_loop().time()
        self._waiting[change.uid] = _Waiting.of(change, since)
        self._recount()

    def put_back(self, changes: Sequence[Change]) -> None:
        """Return changes that could not be handled, ahead of all others, unless something newer has come."""
        for change in reversed(changes):
            newer = self._waiting.get(change.uid)
            if newer is not None:
                self._waiting[change.uid] = replace(newer, since=change.since)
            else:
                self._waiting[change.uid] = _Waiting.of(change, change.since)
                self._waiting.move_to_end(change.uid, last=False)
        self._recount()

    def uids(self) -> list[str]:
        """The objects that wait, in their order."""
        return list(self._waiting)

    async def batch(self) -> list[Change]:
        """Wait for a change, then a moment for its neighbours, and take at most `BATCH_OBJECTS`."""
        await self._some.wait()
        if len(self._waiting) < BATCH_OBJECTS:
            await asyncio.sleep(BATCH_SECONDS)
        taken = [self._waiting.popitem(last=False)[1] for _ in range(min(BATCH_OBJECTS, len(self._waiting)))]
        self._recount()
        return [waiting.change() for waiting in taken]

    async def idle(self) -> None:
        """Wait until nothing waits."""
        await self._none.wait()

    def _recount(self) -> None:
        metrics.inbox_depth.set(len(self._waiting))
        full, empty = (self._some, self._none) if self._waiting else (self._none, self._some)
        full.set()
        empty.clear()
