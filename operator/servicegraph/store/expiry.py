"""What time brings about, as stored facts: acceptances that end, what is kept for no use, and when there is something to do.

Time changes no answer by itself: `reconcile.schedule` asks when something is due and has a commit store it, as an ordinary
version. What becomes of alerts is `ingest.alerts`' part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicegraph.store.engine import row_count, transaction

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    import asyncpg
    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.store.facts import Stamp

    Connection = asyncpg.Connection[asyncpg.Record]

FORGOTTEN_AT_ONCE = 10_000
"""Changes that one transaction forgets at most, so that it never keeps others waiting; the next one goes on."""

FEW_PROTOCOLS = 1000
"""Words for protocols that may stay although no edge has them: people use a dozen, more come by mistake."""

_EXPIRE = """
WITH over AS (
    UPDATE observations SET accepted = false
    WHERE accepted AND accepted_until <= $2::timestamptz
    RETURNING source, target, provider, object
)
INSERT INTO changes (version, at, kind, subject, source, target, provider, object, reason, details)
SELECT $1::bigint, $2, 'changed', 'edge', s.printed, t.printed, p.name, b.namespace || '/' || b.name, 'expired',
       '{"accepted": [true, false]}'
FROM over
JOIN services s ON s.id = over.source JOIN services t ON t.id = over.target JOIN providers p ON p.id = over.provider
LEFT JOIN objects b ON b.id = over.object
"""

# The oldest come first by version, so a look at the first few tells whether there is anything to forget.
_FORGET = """
DELETE FROM changes c USING (SELECT version, id, at FROM changes ORDER BY version, id LIMIT $2) AS oldest
WHERE (c.version, c.id) = (oldest.version, oldest.id) AND oldest.at <= $1
"""

# Looks for what is unused, which means at every observation, only where there are many.
_FORGET_PROTOCOLS = """
DELETE FROM protocols p
WHERE (SELECT count(*) FROM protocols) > $1 AND p.id <> 0 AND NOT EXISTS (SELECT FROM observations WHERE protocol = p.id)
"""

_NEXT = """
SELECT LEAST(
    (SELECT min(ack_until) FROM alerts WHERE ack_ended IS NULL),
    (SELECT min(resolved_at) + $1 FROM alerts WHERE state = 'Resolved' AND ack_generation IS NULL),
    (SELECT min(accepted_until) FROM observations WHERE accepted AND accepted_until IS NOT NULL)
)
"""


async def end_acceptances(conn: Connection, stamp: Stamp) -> int:
    """Accept no more the edges whose `acceptedCycle` has passed its `until`, and log it; returns how many."""
    return row_count(await conn.execute(_EXPIRE, stamp.version, stamp.at))


async def forget_changes(conn: Connection, until: datetime) -> int:
    """Delete the oldest of the changes logged until then, `FORGOTTEN_AT_ONCE` at most; returns how many."""
    return row_count(await conn.execute(_FORGET, until, FORGOTTEN_AT_ONCE))


async def forget_protocols(conn: Connection) -> int:
    """Delete the protocols that no observation has, once there are more than `FEW_PROTOCOLS`; returns how many.

    No answer changes: a graph is read at one moment, and its edges refer to protocols by position.
    """
    return row_count(await conn.execute(_FORGET_PROTOCOLS, FEW_PROTOCOLS))


async def next_due(engine: AsyncEngine, retention: timedelta) -> datetime | None:
    """When time next brings something about in the graph; None if nothing waits for its end.

    Args:
        engine: the pool of connections.
        retention: how long resolved alerts are kept.

    Raises:
        StoreUnavailable: Postgres cannot be reached or cannot serve now.
        SchemaMissing: the tables are not there.
    """
    async with transaction(engine, read_only=True) as conn:
        due: datetime | None = await conn.fetchval(_NEXT, retention)
    return due
