"""The polls' part of the one transaction: what sources of telemetry have shown becomes observations, and what they miss ages.

Here stands what is read and written for it, in order. Names are resolved by `ingest.resolve`, a poll is judged by
`ingest.ageing`, what differs is found by `ingest.comparing`: all pure. A steady poll writes one row, that of its source. Called
by `ingest.commit` after what objects say is written, so that names are resolved by what is declared now; nobody else writes
meanwhile.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from servicegraph import log
from servicegraph.errors import StoreRefused
from servicegraph.ingest.ageing import Unseen, judge
from servicegraph.ingest.comparing import Comparison
from servicegraph.ingest.declared import Declared
from servicegraph.ingest.newcomers import MOST_NEW_SERVICES, waiting_calls
from servicegraph.ingest.outcomes import entry, outcome
from servicegraph.ingest.resolve import Resolver, resolve
from servicegraph.ingest.sighted import write_differences
from servicegraph.model.fields import parse_duration
from servicegraph.model.telemetry import Failure, PollOutcome, SourceHealth
from servicegraph.store import providers, sightings, volumes, write
from servicegraph.store.engine import savepoint
from servicegraph.store.facts import Stamp
from servicegraph.store.providers import StoredProvider

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    import asyncpg

    from servicegraph.ingest.ageing import Thresholds, Verdict
    from servicegraph.ingest.batch import Batch
    from servicegraph.ingest.sighting import Resolved, Sighting
    from servicegraph.model.ids import ServiceKey
    from servicegraph.model.telemetry import Poll

    Connection = asyncpg.Connection[asyncpg.Record]
    Written = Counter[tuple[str, str]]

_log = log.get(__name__)

MANY = 5000
"""Calls from which on names are resolved in a thread, so that requests are answered meanwhile."""
NAME_TAKEN = "NameTaken"


@dataclass
class Polled:
    """What polls have written."""

    differs: bool = False
    """Whether there has to be a new version."""
    edges: bool = False
    """Whether an observation is otherwise."""
    loose: set[int] = field(default_factory=set)
    """Services that perhaps nothing names any more."""
    outcomes: dict[str, PollOutcome] = field(default_factory=dict)
    """By name of the source."""

    def add(self, other: Polled) -> None:
        """Take over what another has written."""
        self.differs |= other.differs
        self.edges |= other.edges
        self.loose |= other.loose
        self.outcomes |= other.outcomes


async def store_polls(
    conn: Connection, batch: Batch, stamp: Stamp, thresholds: Thresholds, written: Written
) -> Polled:
    """Store what the polls of a batch have shown, and forget sources that exist no more.

    A poll of which Postgres refuses a value is taken back alone, and counts as failed.

    Args:
        conn: inside the transaction, what objects say written.
        batch: whose polls and forgotten sources.
        stamp: version and time of the transaction.
        thresholds: after what absence what becomes of a call.
        written: counts the rows.
    """
    polled, gone = Polled(), frozenset(batch.forgotten_sources)
    if gone:
        polled.add(await _forget(conn, gone, stamp, written))
    declared: dict[str, Declared] = {}
    for poll in batch.polls:
        if poll.source.name in gone:
            continue
        cluster = poll.source.cluster
        if cluster not in declared:
            declared[cluster] = Declared(
                await sightings.declared_nodes(conn, cluster), await sightings.called_outside(conn, cluster)
            )
        storing = _Storing(conn, stamp, thresholds, declared[cluster])
        try:
            async with savepoint(conn):
                await storing.store(poll)
        except StoreRefused as error:
            _log.warning("poll.refused", source=poll.source.name, message=error.message)
            storing = _Storing(conn, stamp, thresholds, declared[cluster])
            await storing.store(replace(poll, calls={}, failure=Failure(error.reason, error.message)))
        polled.add(storing.polled)
        written.update(storing.written)
    return polled


async def _forget(conn: Connection, names: Collection[str], stamp: Stamp, written: Written) -> Polled:
    gone = await providers.forget_sources(conn, names, stamp)
    written["observations", "delete"] += gone.observations
    written["providers", "delete"] += gone.providers
    edges = gone.observations > 0
    return Polled(differs=edges or gone.could_see, edges=edges, loose=set(gone.loose))


class _Storing:
    """Stores one poll; what it tells to have written holds once `store` has come to its end."""

    def __init__(self, conn: Connection, stamp: Stamp, thresholds: Thresholds, declared: Declared) -> None:
        self._conn = conn
        self._stamp = stamp
        self._thresholds = thresholds
        self._declared = declared
        self.polled = Polled()
        self.written: Written = Counter()

    async def store(self, poll: Poll) -> None:
        """Store a poll, whatever it has brought."""
        source = poll.source
        before = await providers.stored_provider(self._conn, source.name)
        if before is not None and not before.is_source:
            words = f"{source.name!r} names who declares or posts edges; give the source another name"
            self.polled.outcomes[source.name] = PollOutcome(failure=Failure(NAME_TAKEN, words))
            return
        number = before.id if before else await providers.new_provider_id(self._conn)
        health = before.health if before else SourceHealth()
        resolved = await _resolved(poll, self._declared)
        verdict = judge(health, poll, resolved.trusted)
        if poll.calls or verdict.ages:
            unseen = Unseen(health.last_good_at, verdict, self._thresholds)
            came_to = await self._compare(number, poll, resolved, unseen)
        else:
            came_to = outcome(resolved, (), (), verdict.health)
        self.polled.outcomes[source.name] = came_to
        if not verdict.repeated:
            await self._settle(before, number, poll, verdict, came_to)

    async def _settle(
        self, before: StoredProvider | None, number: int, poll: Poll, verdict: Verdict, came_to: PollOutcome
    ) -> None:
        """Write the row of the source. What it can show, and with whom it is one group, follows what it has really shown."""
        source = poll.source
        group, sees = (before.group, before.sees) if before else (source.url, frozenset[str]())
        if verdict.ages or poll.calls:
            group = source.url
        if verdict.ages:
            sees = frozenset(map(str, source.sees))
        health = verdict.health
        if verdict.ages:
            # Calls that wait are not in the graph: that they stay away is no drop.
            health = replace(health, last_edges=came_to.edges)
        after = StoredProvider(number, group, sees, health)
        await providers.write_provider(self._conn, after, source, entry(poll, came_to))
        self.written["providers", "update" if before else "insert"] += 1
        known = (before.group, before.sees) if before else (group, frozenset[str]())
        self.polled.differs |= known != (group, sees)

    async def _compare(self, provider: int, poll: Poll, resolved: Resolved, unseen: Unseen) -> PollOutcome:
        """Write what is otherwise than it is stored."""
        shown = resolved.sightings
        ends = {end for one in shown.values() for end in (one.source, one.target)}
        ids = await write.known_service_ids(self._conn, ends)
        new = ends - ids.keys()
        waiting = waiting_calls(shown, new, MOST_NEW_SERVICES, self._declared, poll.at)
        made = await self._make(shown, waiting, new)
        resolver = Resolver(poll.source, self._declared)
        comparison = Comparison(shown, waiting, ids | made, resolver, unseen, poll.at)
        async for page in sightings.sightings(self._conn, provider):
            comparison.look_at(page)
        await self._place(comparison, MOST_NEW_SERVICES - len(made), poll.at)
        differences = comparison.finish(await self._expected(comparison))
        stamp = Stamp(self._stamp.version, self._stamp.at, provider, poll.source.name)
        if differences:
            await write_differences(self._conn, differences, stamp, self.written)
            self.polled.differs = self.polled.edges = True
            self.polled.loose |= set(differences.loose)
        left_out = comparison.left_out
        await self._keep_volumes(provider, poll, shown, left_out)
        return outcome(resolved, waiting, left_out, unseen.verdict.health)

    async def _make(
        self, calls: Mapping[str, Sighting], waiting: Collection[str], new: AbstractSet[ServiceKey]
    ) -> dict[ServiceKey, int]:
        """Store the services that calls are the first to name, but for those of calls that wait."""
        if not new:
            return {}
        coming = (one for raw_key, one in calls.items() if raw_key not in waiting)
        made = await write.make_services(
            self._conn, {end for one in coming for end in (one.source, one.target) if end in new}
        )
        self.written["services", "insert"] += len(made)
        return made

    async def _place(self, comparison: Comparison, room: int, at: datetime) -> None:
        """Find the services of what the poll does not show, whose names may be read otherwise by now."""
        unknown = comparison.unknown
        if not unknown:
            return
        ends = {end for one in unknown.values() for end in (one.source, one.target)}
        ids = await write.known_service_ids(self._conn, ends)
        new = ends - ids.keys()
        waiting = waiting_calls(unknown, new, room, self._declared, at)
        made = await self._make(unknown, waiting, new)
        comparison.learn(ids | made)
        # Whoever named them may be forgotten by this very poll.
        self.polled.loose |= set(made.values())

    async def _expected(self, comparison: Comparison) -> dict[tuple[int, int], float]:
        """How rarely the calls that are not shown may be made, in seconds, where that is declared."""
        words = await sightings.expected_intervals(self._conn, comparison.missing_edges)
        return {
            edge: max(parse_duration(one).total_seconds() for one in said) for edge, said in words.items()
        }

    async def _keep_volumes(
        self, provider: int, poll: Poll, shown: Collection[str], left_out: Collection[str]
    ) -> None:
        """Keep how much calls are made, as far as the poll knows it."""
        buckets = {
            raw_key: bucket
            for call, bucket in poll.calls.items()
            if bucket is not None and (raw_key := call.raw_key) in shown and raw_key not in left_out
        }
        self.written["volumes", "update"] += await volumes.keep(self._conn, provider, buckets, poll.at)


async def _resolved(poll: Poll, declared: Declared) -> Resolved:
    if len(poll.calls) < MANY:
        return resolve(poll.source, declared, poll.calls)
    return await asyncio.to_thread(resolve, poll.source, declared, poll.calls)
