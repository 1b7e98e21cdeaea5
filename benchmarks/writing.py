"""What it costs to store a batch: against COPY of the same rows into the same indexed tables, where nothing is compared.

The batch goes through the product's transaction as a whole. So the measure is every row that it leaves behind, in all tables,
ready to be sent: what the transaction adds to that is names turned into keys, and looking for what is there already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.rows import Row, Work, seconds, shown
from sqlalchemy.dialects.postgresql import JSONB

from servicegraph.clock import SystemClock
from servicegraph.ingest.batch import Batch
from servicegraph.ingest.commit import GraphWriter
from servicegraph.store.engine import transaction
from servicegraph.store.tables import metadata

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.databases import Database
    from benchmarks.graphs import Size
    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.model.observation import DeclaredObject

    Rows = dict[str, list[tuple[Any, ...]]]

LIMIT, AGAIN_LIMIT = 1.6, 0.25

_OF_OBJECTS = "object IN (SELECT id FROM objects WHERE stored_version = {version})"
_LEFT_BEHIND = {
    "services": "id > {last_service}",
    "objects": "stored_version = {version}",
    "statements": _OF_OBJECTS,
    "observations": _OF_OBJECTS,
    "changes": "version = {version}",
}
"""Where the rows of a version are that only adds."""


async def commit(engine: AsyncEngine, objects: Sequence[DeclaredObject]) -> None:
    """Store a batch the way the operator does."""
    await GraphWriter(engine, SystemClock()).commit(Batch(objects))


def storing(before: Database, batch: list[DeclaredObject], same: Rows, size: Size) -> Iterator[Row]:
    """A batch stored for the first time into copies of `before`, and once again, against COPY of the same rows."""
    at = [before.copy()]

    def afresh() -> None:
        at.pop().drop()
        at.append(before.copy())
        at[0].connect()

    ours, again, copy = seconds(
        Work(lambda: at[0].run(commit(at[0].engine, batch)), before=afresh),
        Work(lambda: at[0].run(commit(at[0].engine, batch))),
        Work(lambda: at[0].run(_copy_in(at[0].engine, same)), before=afresh),
    )
    at.pop().drop()
    what = f"{len(same['observations']) // 1000}k observations"
    measure = f"COPY of the same rows {shown(copy)}"
    yield Row(f"{what} stored", str(size), shown(ours), measure, ours / copy, LIMIT)
    yield Row(f"{what} sent again", str(size), shown(again), measure, again / copy, AGAIN_LIMIT)


async def rows_of_last_version(engine: AsyncEngine, last_service: int) -> Rows:
    """Every row that the last commit has left behind, by table, as COPY takes it; `last_service` is the last before it."""
    async with transaction(engine, read_only=True) as conn:
        version = await conn.fetchval("SELECT version FROM graph_meta")
        return {
            table: list(
                map(
                    tuple,
                    await conn.fetch(
                        f"SELECT {_as_copied(table)} FROM {table} "
                        f"WHERE {where.format(version=version, last_service=last_service)}"
                    ),
                )
            )
            for table, where in _LEFT_BEHIND.items()
        }


async def last_service(engine: AsyncEngine) -> int:
    """The key of the youngest service."""
    async with transaction(engine, read_only=True) as conn:
        found: int = await conn.fetchval("SELECT COALESCE(max(id), 0) FROM services")
        return found


def _columns(table: str) -> list[str]:
    return [column.name for column in metadata.tables[table].columns]


def _as_copied(table: str) -> str:
    """The columns of a table; COPY is given JSON as text."""
    return ", ".join(
        f"{column.name}::text" if isinstance(column.type, JSONB) else column.name
        for column in metadata.tables[table].columns
    )


async def _copy_in(engine: AsyncEngine, same: Rows) -> None:
    async with transaction(engine) as conn:
        for table, rows in same.items():
            await conn.copy_records_to_table(table, records=rows, columns=_columns(table))
