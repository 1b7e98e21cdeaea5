"""THE transaction: the one way by which the graph changes, and what makes a graph version.

Called by `reconcile.run` with what objects say, by `reconcile.polls` with what telemetry has shown and by `reconcile.schedule`
with what time has brought about, and by `ingest.submitting` with what is sent over HTTP. It decides nothing about meaning:
`ingest.decide` says what a batch means for the stored objects, `store.facts` finds and writes what differs in them,
`ingest.polls` does so for what telemetry shows, `ingest.submitted` for what is sent, `ingest.alerts` follows the circles.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from servicegraph import log as logs
from servicegraph import metrics
from servicegraph.ingest.ageing import Thresholds
from servicegraph.ingest.alerts import follow_circles
from servicegraph.ingest.batch import Committed
from servicegraph.ingest.decide import UNDECLARED, decide
from servicegraph.ingest.polls import store_polls
from servicegraph.ingest.rows import (
    Keys,
    added_rows,
    named_protocols,
    named_services,
    observation_rows,
    statement_rows,
)
from servicegraph.ingest.submitted import Submitted, store_submission
from servicegraph.model.observation import DECLARED_PROVIDER, DeclaredObject
from servicegraph.model.submission import Receipt
from servicegraph.store import alerts, expiry, objects, write
from servicegraph.store.engine import transaction
from servicegraph.store.facts import OBSERVATIONS, STATEMENTS, Scope, Stamp, log

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg
    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.clock import Clock
    from servicegraph.ingest.batch import Batch
    from servicegraph.ingest.decide import Decision
    from servicegraph.model.observation import StalledObject

    Connection = asyncpg.Connection[asyncpg.Record]
    Written = Counter[tuple[str, str]]

_log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class _Differences:
    """What a transaction has written of facts."""

    any: bool
    """Whether it has written one: then there is a new version."""
    edges: bool
    """Whether an observation is among them."""
    loose: frozenset[int] = frozenset()
    """Services that lost a fact."""


class GraphWriter:
    """Commits batches to Postgres, each as one transaction and at most one graph version.

    Args:
        engine: the pool of connections.
        clock: gives the time of first sight and of the commit.
        thresholds: after what absence what becomes of a call that telemetry has shown.
    """

    def __init__(self, engine: AsyncEngine, clock: Clock, thresholds: Thresholds | None = None) -> None:
        self._engine = engine
        self._clock = clock
        self._thresholds = thresholds or Thresholds()

    async def commit(self, batch: Batch, *, epoch: int | None = None) -> Committed:
        """Store what `batch` says, all or nothing; the same batch again writes no row and makes no version.

        1. wait for the writers' lock, and check `epoch` if one is given;
        2. read the objects concerned and decide which are new, which moved, which are gone;
        3. write objects that come or go, then what differs in statements and observations, and log each difference (`changes`);
        4. write what differs in what the submission says, and log each difference;
        5. resolve what polls have shown by what is declared now, write what differs in it, how their sources fare (no version)
           and log each difference; one poll that cannot be stored fails alone;
        6. where facts or calls differ: forget services that nothing names any more;
        7. follow the circles: write alerts that differ, and what happened to them (`transitions`);
        8. write the generation, stored version and problem of objects that moved, and that Events are written: no version;
        9. last, where facts, calls or alerts differ: the new version, and one NOTIFY.

        Raises:
            StoreUnavailable: Postgres is away; if it went away at the very end, the batch may be stored. Repeating it is safe.
            StoreConflict: repeat it now.
            StoreRefused: Postgres refuses a value of some object, acknowledgement or record of the batch.
            RemovalRefused: the submission would take away too much at once.
            Deposed: another process leads by now.
        """
        written: Written = Counter()
        async with transaction(self._engine) as conn:
            committed = await self._store(conn, batch, epoch, written)
        for (table, operation), rows in written.items():
            metrics.rows_written.labels(table, operation).inc(rows)
        if committed.changed:
            _log.info("graph.version", version=committed.version, **_counts(batch, committed))
        return committed

    async def _store(self, conn: Connection, batch: Batch, epoch: int | None, written: Written) -> Committed:
        version = await write.begin(conn, epoch)
        now = self._clock.now()
        decision = decide(batch, await _known(conn, batch))
        ids = await _write_objects(conn, decision, version + 1, written)
        stamp = Stamp(version + 1, now, await write.provider_id(conn, DECLARED_PROVIDER), DECLARED_PROVIDER)
        facts = await _write_facts(conn, decision, ids, stamp, written)
        ended = await _end(conn, batch, stamp, written)
        sent = Submitted()
        if batch.submission is not None:
            sent = await store_submission(conn, batch.submission, stamp, written)
        polled = await store_polls(conn, batch, stamp, self._thresholds, written)
        written["services", "delete"] += await write.forget_services(
            conn, facts.loose | sent.loose | polled.loose
        )
        followed = await follow_circles(
            conn, batch, stamp, written, edges_differ=facts.edges or ended or sent.edges or polled.edges
        )
        changed = facts.any or ended or sent.differs or polled.differs or followed.changed
        if changed:
            version += 1
        stored = await _settle(conn, decision, version, written)
        written["transitions", "update"] += await alerts.announce(conn, batch.announced)
        if changed:
            await write.publish(conn, version, now)
        receipt = Receipt(version, sent.services, sent.dependencies) if batch.submission else None
        return Committed(version, changed, stored, followed.told, polled.outcomes, receipt)


def _counts(batch: Batch, committed: Committed) -> dict[str, int]:
    """What a line of the log says about a version: how much came in, and what became of circles."""
    said = {"objects": len(batch.objects), "removed": len(batch.removed), "stalled": len(batch.stalled)}
    said |= {"polls": len(batch.polls), "forgotten": len(batch.forgotten_sources)}
    said |= Counter(str(one.kind) for one in committed.told)
    return {what: count for what, count in said.items() if count}


async def _known(conn: Connection, batch: Batch) -> list[objects.StoredObject]:
    """Step 2, the reading: stored objects that share a uid or a name with the batch."""
    living: list[DeclaredObject | StalledObject] = [*batch.objects, *batch.stalled]
    names: dict[str, tuple[str, str] | None] = {one.uid: None for one in batch.removed}
    names.update((one.uid, (one.namespace, one.name)) for one in living)
    return await objects.known(conn, names)


async def _write_objects(
    conn: Connection, decision: Decision, version: int, written: Written
) -> dict[str, int]:
    """Step 3, objects: the gone leave their names to the new; returns the ids of all that exist, by uid."""
    await objects.delete(conn, [one.id for one, _ in decision.gone])
    new = [one.row(version) for one in decision.living if one.stored is None]
    ids = await objects.insert(conn, new)
    written["objects", "delete"] += len(decision.gone)
    written["objects", "insert"] += len(new)
    return ids | {one.said.uid: one.stored.id for one in decision.living if one.stored is not None}


async def _write_facts(
    conn: Connection, decision: Decision, ids: dict[str, int], stamp: Stamp, written: Written
) -> _Differences:
    """Step 3, facts."""
    first = [
        one.said for one in decision.living if one.stored is None and isinstance(one.said, DeclaredObject)
    ]
    again = [one.said for one in decision.restated if isinstance(one.said, DeclaredObject)]
    gone = [Scope(one.id, f"{one.namespace}/{one.name}", reason) for one, reason in decision.gone]
    if not first and not again and not gone:
        return _Differences(any=False, edges=False)
    keys = await _keys(conn, [*first, *again], ids, stamp, written)
    differs, loose = {}, set[int]()
    for facts, rows in ((STATEMENTS, statement_rows), (OBSERVATIONS, observation_rows)):
        outcome = await facts.restate(conn, rows(again, keys), [*_scope(again, ids), *gone], stamp)
        added = await facts.append(conn, rows(first, keys)) if first else 0
        written[facts.table, "insert"] += added + outcome.added
        written[facts.table, "update"] += outcome.changed
        written[facts.table, "delete"] += outcome.removed
        differs[facts] = bool(added or outcome.added or outcome.changed or outcome.removed)
        loose |= outcome.loose
    if first:
        await log(conn, added_rows(first, keys, stamp))
    return _Differences(any(differs.values()), differs[OBSERVATIONS], frozenset(loose))


async def _end(conn: Connection, batch: Batch, stamp: Stamp, written: Written) -> bool:
    """Step 3, what time has brought about, where the batch asks for it: whether an observation differs."""
    if batch.retention is None:
        return False
    ended = await expiry.end_acceptances(conn, stamp)
    written["observations", "update"] += ended
    written["changes", "delete"] += await expiry.forget_changes(conn, stamp.at - batch.retention.changes)
    written["protocols", "delete"] += await expiry.forget_protocols(conn)
    return ended > 0


def _scope(said: Sequence[DeclaredObject], ids: dict[str, int]) -> list[Scope]:
    return [Scope(ids[one.uid], f"{one.namespace}/{one.name}", UNDECLARED) for one in said]


async def _keys(
    conn: Connection, said: Sequence[DeclaredObject], ids: dict[str, int], stamp: Stamp, written: Written
) -> Keys:
    """The surrogate keys of everything that is named, made where there are none."""
    services, new_services = await write.service_ids(conn, named_services(said))
    protocols, new_protocols = await write.protocol_ids(conn, named_protocols(said))
    written["services", "insert"] += new_services
    written["protocols", "insert"] += new_protocols
    return Keys(stamp.provider, ids, services, protocols, stamp.at)


async def _settle(conn: Connection, decision: Decision, version: int, written: Written) -> dict[str, int]:
    """Step 8: write objects that moved; returns the stored version of every declared object of the batch, by uid."""
    rows = [(one.stored, one.row(version)) for one in decision.living]
    moved = [after for before, after in rows if before is not None and after != before]
    await objects.update(conn, moved)
    written["objects", "update"] += len(moved)
    return {
        after.uid: after.stored_version
        for _, after in rows
        if after.problem is None and after.stored_version is not None
    }
