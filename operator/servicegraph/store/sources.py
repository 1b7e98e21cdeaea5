"""Which sources of telemetry have been polled before, and when that last went well: read by a process that begins to poll.

How they fare in full is `store.records`' part; their rows are written by the transaction (`ingest.commit`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from servicegraph.model.ids import Kind
from servicegraph.store.engine import transaction

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncEngine

_SELECT = """
SELECT p.name, p.sees, p.last_good_at, m.version
FROM providers p CROSS JOIN graph_meta m
WHERE p.preset IS NOT NULL ORDER BY p.name
"""


class StoredSource(NamedTuple):
    """A source of telemetry that has been polled."""

    name: str
    sees: frozenset[Kind]
    """Kinds of services between which it shows calls; empty until its first poll that went well."""
    last_good_at: datetime | None
    version: int
    """The graph version that is current now."""


async def stored_sources(engine: AsyncEngine) -> list[StoredSource]:
    """All of them, by name.

    Raises:
        StoreUnavailable: Postgres cannot be reached or cannot serve now.
        SchemaMissing: the tables are not there.
    """
    async with transaction(engine, read_only=True) as conn:
        rows = await conn.fetch(_SELECT)
    return [
        StoredSource(row["name"], frozenset(map(Kind, row["sees"])), row["last_good_at"], row["version"])
        for row in rows
    ]
