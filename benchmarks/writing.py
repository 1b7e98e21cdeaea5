"""What it costs to store a batch: against COPY of the same rows into the same indexed tables, where nothing is compared.

Both sides start from the same objects and end with the same rows, in all tables, in one transaction. The measure has all keys
ready and only makes rows of the objects and sends them. What the product's transaction adds is turning names into keys, looking
for what is there already, reading the whole graph to see that it has no circle, and making the version. The graph has none
because explaining one that runs through most services is not storing: `benchmarks.circles` measures that by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.rows import Row, Work, seconds, shown

from servicegraph.clock import SystemClock
from servicegraph.ingest import rows
from servicegraph.ingest.batch import Batch
from servicegraph.ingest.commit import GraphWriter
from servicegraph.ingest.rows import Keys
from servicegraph.model.ids import ServiceKey
from servicegraph.model.observation import DECLARED_PROVIDER
from servicegraph.store import write
from servicegraph.store.engine import transaction
from servicegraph.store.facts import LOG_COLUMNS, OBSERVATIONS, STATEMENTS, Stamp
from servicegraph.store.tables import metadata

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import asyncpg
    from benchmarks.databases import Database
    from benchmarks.graphs import Size
    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.model.observation import DeclaredObject

LIMIT, AGAIN_LIMIT = 1.6, 0.25


async def commit(engine: AsyncEngine, objects: Sequence[DeclaredObject]) -> None:
    """Store a batch the way the operator does."""
    await GraphWriter(engine, SystemClock()).commit(Batch(objects))


def storing(before: Database, batch: list[DeclaredObject], same: Same, size: Size) -> Iterator[Row]:
    """A batch stored for the first time into copies of `before`, and once again, against COPY of the same rows."""
    at = [before.copy()]

    def afresh() -> None:
        at.pop().drop()
        at.append(before.copy())
        at[0].connect()

    ours, again, copy = seconds(
        Work(lambda: at[0].run(commit(at[0].engine, batch)), before=afresh),
        Work(lambda: at[0].run(commit(at[0].engine, batch))),
        Work(lambda: at[0].run(_copied(at[0].engine, batch, same)), before=afresh),
    )
    at.pop().drop()
    what = f"{sum(len(one.observations) for one in batch) // 1000}k observations"
    measure = f"COPY of the same rows {shown(copy)}"
    yield Row(f"{what} stored", str(size), shown(ours), measure, ours / copy, LIMIT)
    yield Row(f"{what} sent again", str(size), shown(again), measure, again / copy, AGAIN_LIMIT)


@dataclass(frozen=True, slots=True)
class Same:
    """What has to be known to write the rows of a batch."""

    keys: Keys
    stamp: Stamp
    services: list[tuple[Any, ...]]
    """The rows of the services that the batch was the first to name."""
    objects: list[tuple[Any, ...]]


async def same_as_stored(engine: AsyncEngine, batch: list[DeclaredObject], last_service: int) -> Same:
    """All keys as the commit of `batch`, the last one, has given them; `last_service` is the last service before it."""
    named = rows.named_services(batch)
    async with transaction(engine, read_only=True) as conn:
        (meta,) = await conn.fetch("SELECT version, committed_at FROM graph_meta")
        version, at = meta
        provider = await write.provider_id(conn, DECLARED_PROVIDER)
        services = await conn.fetch(f"SELECT {', '.join(_columns('services'))} FROM services")
        objects = await conn.fetch(
            f"SELECT {', '.join(_columns('objects'))} FROM objects WHERE stored_version = $1", version
        )
        protocols = await conn.fetch("SELECT name, id FROM protocols")
    return Same(
        Keys(
            provider,
            {row["uid"]: row["id"] for row in objects},
            {key: row["id"] for row in services if (key := _key(row)) in named},
            dict(map(tuple, protocols)),
            at,
        ),
        Stamp(version, at, provider, DECLARED_PROVIDER),
        [tuple(row) for row in services if row["id"] > last_service],
        list(map(tuple, objects)),
    )


async def last_service(engine: AsyncEngine) -> int:
    """The key of the youngest service."""
    async with transaction(engine, read_only=True) as conn:
        found: int = await conn.fetchval("SELECT COALESCE(max(id), 0) FROM services")
        return found


def _key(row: asyncpg.Record) -> ServiceKey:
    return ServiceKey(row["cluster"], row["namespace"], row["name"], row["kind"])


def _columns(table: str) -> list[str]:
    return [column.name for column in metadata.tables[table].columns]


async def _copied(engine: AsyncEngine, batch: list[DeclaredObject], same: Same) -> None:
    async with transaction(engine) as conn:
        for table, columns, records in (
            ("services", _columns("services"), same.services),
            ("objects", _columns("objects"), same.objects),
            ("statements", STATEMENTS.columns, rows.statement_rows(batch, same.keys)),
            ("observations", OBSERVATIONS.columns, rows.observation_rows(batch, same.keys)),
            ("changes", LOG_COLUMNS, rows.added_rows(batch, same.keys, same.stamp)),
        ):
            await conn.copy_records_to_table(table, records=records, columns=columns)
