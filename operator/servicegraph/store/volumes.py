"""How much observed calls are made, as a power of ten: beside the graph, so that no version and no answer depends on it.

Traffic breathes, and a call near a border would be written at every poll. So a bucket rises at once, and falls only by two or
more and not within a day of when it was last written: what is kept is one too high at most, or a day old. Called by
`ingest.polls`, in the one transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicegraph.store.engine import row_count

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    import asyncpg

    Connection = asyncpg.Connection[asyncpg.Record]

_KEEP = """
INSERT INTO volumes (provider, raw_key, bucket, written_at)
SELECT $1::smallint, now.raw_key, now.bucket, $4::timestamptz
FROM unnest($2::text[], $3::smallint[]) AS now (raw_key, bucket)
LEFT JOIN volumes kept ON kept.provider = $1 AND kept.raw_key = now.raw_key
WHERE kept IS NULL OR now.bucket > kept.bucket
    OR (now.bucket <= kept.bucket - 2 AND kept.written_at <= $4 - interval '1 day')
ON CONFLICT (provider, raw_key) DO UPDATE SET bucket = excluded.bucket, written_at = excluded.written_at
"""


async def keep(conn: Connection, provider: int, buckets: Mapping[str, int], at: datetime) -> int:
    """Keep these buckets, by raw key, where they are worth writing; returns how many are."""
    if not buckets:
        return 0
    return row_count(await conn.execute(_KEEP, provider, list(buckets), list(buckets.values()), at))


async def forget(conn: Connection, provider: int, raw_keys: Collection[str]) -> int:
    """Forget how much these calls are made; returns of how many that was known."""
    if not raw_keys:
        return 0
    return row_count(
        await conn.execute(
            "DELETE FROM volumes WHERE provider = $1 AND raw_key = ANY($2::text[])", provider, list(raw_keys)
        )
    )
