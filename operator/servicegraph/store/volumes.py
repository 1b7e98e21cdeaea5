"""How much observed calls are made: a table beside the graph, which no version and no answer about edges depends on.

When a volume is worth writing is decided in `ingest.volume`. Called by `ingest.polls`, in the one transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from servicegraph.store.engine import row_count

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    import asyncpg

    Connection = asyncpg.Connection[asyncpg.Record]


class StoredVolume(NamedTuple):
    """What is kept of one call."""

    bucket: int
    """The power of ten of its calls within the window of a poll."""
    written_at: datetime


async def volumes(conn: Connection, provider: int) -> dict[str, StoredVolume]:
    """What is kept of the calls of a source, by raw key."""
    rows = await conn.fetch("SELECT raw_key, bucket, written_at FROM volumes WHERE provider = $1", provider)
    return {row[0]: StoredVolume(row[1], row[2]) for row in map(tuple, rows)}


async def write(conn: Connection, provider: int, buckets: Mapping[str, int], at: datetime) -> None:
    """Keep these buckets, by raw key, as of that time."""
    if not buckets:
        return
    await conn.execute(
        """
        INSERT INTO volumes (provider, raw_key, bucket, written_at)
        SELECT $1, raw_key, bucket, $4 FROM unnest($2::text[], $3::smallint[]) AS now (raw_key, bucket)
        ON CONFLICT (provider, raw_key) DO UPDATE SET bucket = excluded.bucket, written_at = excluded.written_at
        """,
        provider,
        list(buckets),
        list(buckets.values()),
        at,
    )


async def forget(conn: Connection, provider: int, raw_keys: Collection[str]) -> int:
    """Forget how much these calls are made; returns of how many that was known."""
    if not raw_keys:
        return 0
    return row_count(
        await conn.execute(
            "DELETE FROM volumes WHERE provider = $1 AND raw_key = ANY($2::text[])", provider, list(raw_keys)
        )
    )
