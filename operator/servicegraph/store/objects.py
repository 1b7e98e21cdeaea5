"""The table of declared objects: which generation of each is stored, and under which graph version.

Read at the start by the resync and the write-back, so that a restart over unchanged objects writes nothing; written by
`ingest.commit` inside its transaction. What to write is decided in `ingest.decide`, not here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from servicegraph.store.engine import transaction
from servicegraph.store.write import fresh_ids

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import asyncpg
    from sqlalchemy.ext.asyncio import AsyncEngine

    Connection = asyncpg.Connection[asyncpg.Record]


class StoredObject(NamedTuple):
    """One declared object as it is stored; the fields are the columns."""

    id: int
    uid: str
    namespace: str
    name: str
    generation: int
    created_at: datetime
    stored_version: int | None
    """The version current once the last good generation was stored; None if there was none."""
    problem: str | None
    """`Reason: message` when `generation` is not accepted."""
    digest: bytes | None = None
    """Of all that its last good generation says: equal means that its facts need not be looked at."""


_COLUMNS = StoredObject._fields
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM objects"  # noqa: S608 - names of our own columns


async def stored_objects(engine: AsyncEngine) -> dict[str, StoredObject]:
    """All stored objects by uid.

    Raises:
        StoreUnavailable: Postgres cannot be reached or has no tables.
    """
    async with transaction(engine, read_only=True) as conn:
        rows = await conn.fetch(_SELECT)
    return {row["uid"]: StoredObject._make(row) for row in rows}


async def known(conn: Connection, batch: Mapping[str, tuple[str, str] | None]) -> list[StoredObject]:
    """The stored objects of a batch, and those that have a name which it gives to another uid.

    Args:
        conn: inside a transaction.
        batch: namespace and name by uid; None for an object that is gone, whose name may have been taken since.
    """
    rows = await conn.fetch(f"{_SELECT} WHERE uid = ANY($1::text[])", list(batch))
    stored = list(map(StoredObject._make, rows))
    # A uid keeps its name for ever: where one is stored, nobody else has its name.
    unstored = batch.keys() - {one.uid for one in stored}
    names = [name for uid in unstored if (name := batch[uid]) is not None]
    if names:
        rivals = await conn.fetch(
            f"{_SELECT} JOIN unnest($1::text[], $2::text[]) AS wanted (namespace, name) USING (namespace, name)",
            [namespace for namespace, _ in names],
            [name for _, name in names],
        )
        stored += map(StoredObject._make, rivals)
    return stored


async def insert(conn: Connection, new: Sequence[StoredObject]) -> dict[str, int]:
    """Store objects seen for the first time, whatever their `id`; returns the ids they were given, by uid."""
    if not new:
        return {}
    fresh = await fresh_ids(conn, "objects", len(new))
    await conn.copy_records_to_table(
        "objects",
        records=[(number, *one[1:]) for number, one in zip(fresh, new, strict=True)],
        columns=_COLUMNS,
    )
    return {one.uid: number for number, one in zip(fresh, new, strict=True)}


async def update(conn: Connection, moved: Sequence[StoredObject]) -> None:
    """Write what may change of objects: generation, stored version, problem and digest."""
    if not moved:
        return
    await conn.execute(
        """
        UPDATE objects o
        SET generation = n.generation, stored_version = n.stored_version, problem = n.problem, digest = n.digest
        FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::text[], $5::bytea[])
            AS n (id, generation, stored_version, problem, digest)
        WHERE o.id = n.id
        """,
        [one.id for one in moved],
        [one.generation for one in moved],
        [one.stored_version for one in moved],
        [one.problem for one in moved],
        [one.digest for one in moved],
    )


async def delete(conn: Connection, ids: Sequence[int]) -> None:
    """Forget objects; what they said is removed by `store.facts`."""
    if ids:
        await conn.execute("DELETE FROM objects WHERE id = ANY($1::int[])", ids)
