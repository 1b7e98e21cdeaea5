"""One batch, steps in order: from what changed in Kubernetes to a stored graph version.

1. take what waits in the inbox, each object once;
2. translate: a body becomes what it declares, or why it cannot be accepted (pure, `model.translate`);
3. commit all of it in one transaction (`ingest.commit`): one graph version, or none when nothing differs;
4. where the batch is refused, split it until the bad object stands alone: that one is Stalled and tried again with a growing
   pause, the others go on;
5. note how each object stands, for `report` to write back.

Postgres being away is no error of the batch: it waits in the inbox, newer words replace it, and nothing is lost.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from servicegraph import log, metrics
from servicegraph.errors import Retry, ServicegraphError
from servicegraph.ingest.batch import Batch
from servicegraph.model.fields import parse_time
from servicegraph.model.observation import DeclaredObject, RemovedObject, StalledObject
from servicegraph.model.translate import translate
from servicegraph.reconcile.backoff import Backoff
from servicegraph.reconcile.inbox import Change
from servicegraph.writeback.standing import Stalled, Stored, Waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from servicegraph.clock import Clock
    from servicegraph.ingest.batch import Adoption
    from servicegraph.ingest.commit import GraphWriter
    from servicegraph.reconcile.health import HealthBoard
    from servicegraph.reconcile.inbox import Inbox
    from servicegraph.reconcile.objects import Objects
    from servicegraph.reconcile.report import Report
    from servicegraph.reconcile.retries import Retries

_log = log.get(__name__)

PATIENCE_SECONDS = 5.0
"""How long the store may be away before objects that wait for it say so in their status."""


class Reconciler:
    """Takes batches out of the inbox and has them stored.

    `adoption` says what each batch brings along after the loss of the database (`reconcile.adoption`).
    """

    def __init__(
        self,
        inbox: Inbox,
        objects: Objects,
        writer: GraphWriter,
        report: Report,
        retries: Retries,
        health: HealthBoard,
        clock: Clock,
        adoption: Callable[[], Adoption | None] = lambda: None,
    ) -> None:
        self._inbox = inbox
        self._objects = objects
        self._writer = writer
        self._report = report
        self._retries = retries
        self._health = health
        self._clock = clock
        self._adoption = adoption
        self._backoff = Backoff(first=0.2, cap=5.0)
        self._away_since: float | None = None
        self._resting = asyncio.Event()

    async def run(self) -> None:
        """Reconcile batch after batch until cancelled."""
        while True:
            self._resting.set()
            changes = await self._inbox.batch()
            self._resting.clear()
            metrics.reconcile_batch_objects.observe(len(changes))
            try:
                await self._reconcile(changes)
            except ServicegraphError as error:
                metrics.reconciles.labels("unavailable").inc()
                await self._wait_for_store(changes, error)
            del changes  # hundreds of bodies, which would wait with us for the next batch

    @property
    def is_resting(self) -> bool:
        """Whether no batch is at hand."""
        return self._resting.is_set()

    async def rested(self) -> None:
        """Wait until the batch at hand is done."""
        await self._resting.wait()

    async def _reconcile(self, changes: Sequence[Change]) -> None:
        now = asyncio.get_running_loop().time
        began = now()
        said = [self._said_at_all(change) for change in changes]
        await self._store([one for one in said if one is not None and self._still_wanted(one)])
        metrics.reconcile_seconds.observe(now() - began)
        for change in changes:
            metrics.reconcile_wait_seconds.observe(now() - change.since)
        self._away_since = None
        self._backoff.reset()
        self._health.clear("reconcile")

    def _said_at_all(self, change: Change) -> Said | None:
        """What a change says; None where it defies even being refused, and is read anew later."""
        try:
            return _said(change)
        except Exception:  # noqa: BLE001 - one object must not end the loop
            _log.exception("reconcile.fault", uid=change.uid)
            self._retries.later(change.uid)
            return None

    def _still_wanted(self, said: Said) -> bool:
        """Drop bodies of objects whose end was heard of while they waited."""
        return isinstance(said, RemovedObject) or said.uid in self._objects.live

    async def _store(self, said: Sequence[Said]) -> None:
        """Commit, splitting where the store refuses.

        Raises:
            ServicegraphError: the store is away; what was not yet committed is to be tried again.
        """
        if not said:
            return
        try:
            committed = await self._writer.commit(_batch(said, self._adoption()))
        except ServicegraphError as error:
            if error.retry is not Retry.NEVER:
                raise
            metrics.reconciles.labels("refused").inc()
            await self._divide(said, error.reason, error.message)
        except Exception as error:  # noqa: BLE001 - one object must not keep the others from being stored
            _log.exception("reconcile.fault", objects=len(said))
            metrics.reconciles.labels("fault").inc()
            await self._divide(said, ServicegraphError.reason, _fault(error))
        else:
            metrics.reconciles.labels("changed" if committed.changed else "unchanged").inc()
            for one in said:
                self._settle(one, committed.stored.get(one.uid, committed.version))

    async def _divide(self, said: Sequence[Said], reason: str, message: str) -> None:
        if len(said) > 1:
            middle = len(said) // 2
            await self._store(said[:middle])
            await self._store(said[middle:])
            return
        (bad,) = said
        _log.warning("reconcile.refused", uid=bad.uid, reason=reason, message=message)
        if isinstance(bad, RemovedObject):
            self._retries.later(bad.uid, partial(self._remove_again, bad))
            return
        self._retries.later(bad.uid)
        if isinstance(bad, DeclaredObject):
            await self._store(
                [
                    StalledObject(
                        bad.uid, bad.namespace, bad.name, bad.generation, bad.created_at, reason, message
                    )
                ]
            )
        else:
            self._settle(bad, 0)

    async def _remove_again(self, gone: RemovedObject) -> None:
        """Kubernetes has nothing left to be read anew of an object that is gone."""
        self._inbox.put(Change(gone.uid, None, gone.reason))

    def _settle(self, said: Said, version: int) -> None:
        """Note how an object stands now."""
        if not isinstance(said, StalledObject):
            self._retries.forget(said.uid)
        if isinstance(said, RemovedObject):
            return
        if isinstance(said, DeclaredObject):
            self._objects.standing[said.uid] = Stored(said.generation, version)
        else:
            self._objects.standing[said.uid] = Stalled(said.generation, said.reason, said.message)
        self._report.touch(said.uid)

    async def _wait_for_store(self, changes: Sequence[Change], error: ServicegraphError) -> None:
        """Keep the batch, say what is wrong, and pause; objects that wait for long say so themselves."""
        now = self._clock.monotonic()
        if self._away_since is None:
            self._away_since = now
        self._inbox.put_back(changes)
        self._health.report("reconcile", f"changes wait to be stored: {error.message}")
        if now - self._away_since >= PATIENCE_SECONDS:
            self._let_wait(Waiting(error.reason, error.message))
        await asyncio.sleep(self._backoff.next())

    def _let_wait(self, waiting: Waiting) -> None:
        """Have everything in the inbox that is not settled say why; the next batch is not all that waits."""
        for uid in self._inbox.uids():
            if uid in self._objects.live and self._objects.unsettled(uid):
                self._objects.standing[uid] = waiting
                self._report.touch(uid)


Said = DeclaredObject | StalledObject | RemovedObject


def _said(change: Change) -> Said:
    """What a change says, in the words of the model."""
    if change.body is None:
        return RemovedObject(change.uid, change.reason)
    try:
        return translate(change.body)
    except Exception as error:  # noqa: BLE001 - one object must not keep the others from being stored
        _log.exception("reconcile.fault", uid=change.uid)
        meta = change.body["metadata"]
        return StalledObject(
            change.uid,
            meta["namespace"],
            meta["name"],
            meta["generation"],
            parse_time(meta["creationTimestamp"]),
            ServicegraphError.reason,
            _fault(error),
        )


def _fault(error: Exception) -> str:
    """A fault of our own, or of a library, in words for the object on which it showed."""
    return f"servicegraph failed on this object: {type(error).__name__}: {error}"[:500]


def _batch(said: Sequence[Said], adoption: Adoption | None) -> Batch:
    return Batch(
        adoption=adoption,
        objects=[one for one in said if isinstance(one, DeclaredObject)],
        stalled=[one for one in said if isinstance(one, StalledObject)],
        removed=[one for one in said if isinstance(one, RemovedObject)],
    )
