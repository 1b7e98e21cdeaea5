"""The table of declared objects: which generation of each is stored, and under which graph version.

Read at the start by the resync and the write-back, so that a restart over unchanged objects writes nothing; written by
`ingest.commit` inside its transaction. What to write is decided in `ingest.decide`, not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from servicegraph.store.engine import transaction

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    import asyncpg
    from sqlalchemy.ext.asyncio import AsyncEngine

    Connection = asyncpg.Connection[asyncpg.Record]


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One declared object as it is stored."""

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


async def stored_objects(engine: AsyncEngine) -> dict[str, StoredObject]:
    """All stored objects by uid.

    Raises:
        StoreUnavailable: Postgres cannot be reached or has no tables.
    """
    async with transaction(engine, read_only=True) as conn:
        rows = await conn.fetch(
            "SELECT id, uid, namespace, name, generation, created_at, stored_version, problem, digest FROM objects"
        )
    return {row["uid"]: StoredObject(**row) for row in rows}


async def known(
    conn: Connection, uids: Collection[str], names: Collection[tuple[str, str]]
) -> list[StoredObject]:
    """The stored objects that have one of `uids`, or one of `names` (namespace, name)."""
    rows = await conn.fetch(
        """
        SELECT id, uid, namespace, name, generation, created_at, stored_version, problem, digest
        FROM objects WHERE uid = ANY($1::text[])
        UNION
        SELECT o.id, o.uid, o.namespace, o.name, o.generation, o.created_at, o.stored_version, o.problem, o.digest
        FROM objects o JOIN unnest($2::text[], $3::text[]) AS wanted (namespace, name) USING (namespace, name)
        """,
        list(uids),
        [namespace for namespace, _ in names],
        [name for _, name in names],
    )
    return [StoredObject(**row) for row in rows]


async def insert(conn: Connection, new: Sequence[StoredObject]) -> dict[str, int]:
    """Store objects seen for the first time, whatever their `id`; returns the ids they were given, by uid."""
    if not new:
        return {}
    rows = await conn.fetch(
        """
        INSERT INTO objects (uid, namespace, name, generation, created_at, stored_version, problem, digest)
        SELECT * FROM unnest(
            $1::text[], $2::text[], $3::text[], $4::bigint[], $5::timestamptz[], $6::bigint[], $7::text[], $8::bytea[]
        )
        RETURNING id, uid
        """,
        [one.uid for one in new],
        [one.namespace for one in new],
        [one.name for one in new],
        [one.generation for one in new],
        [one.created_at for one in new],
        [one.stored_version for one in new],
        [one.problem for one in new],
        [one.digest for one in new],
    )
    return {row["uid"]: row["id"] for row in rows}


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
