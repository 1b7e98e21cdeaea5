"""The steps of the one transaction that are not facts: the writers' lock, surrogate keys, forgotten services, the version.

Each function is one statement or two. Their order is `ingest.commit`'s business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicegraph.errors import Deposed, SchemaMissing, StoreConflict
from servicegraph.store.engine import row_count

if TYPE_CHECKING:
    from collections.abc import Collection
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    import asyncpg

    from servicegraph.model.ids import ServiceKey

    Connection = asyncpg.Connection[asyncpg.Record]

CHANNEL = "servicegraph_graph"
"""Where a committed version is announced (NOTIFY); the payload is the version."""

WRITERS_LOCK = int.from_bytes(b"svcgraph", "big")
"""The advisory lock that orders writers of one database."""


async def begin(conn: Connection, epoch: int | None = None) -> int:
    """Wait until no other writer is at work; returns the current version.

    Plans are made anew for each statement of the transaction: the size of a staged batch changes what is best, and a plan kept
    from a batch of ten would ruin one of a hundred thousand.

    Args:
        conn: at the beginning of a transaction.
        epoch: the term of leadership this writer acts in; None does not ask.

    Raises:
        Deposed: another process leads by now.
        SchemaMissing: the tables are empty of what the migration puts there.
    """
    await conn.execute(
        f"SELECT pg_advisory_xact_lock({WRITERS_LOCK}); SET LOCAL plan_cache_mode = force_custom_plan"
    )
    row = await conn.fetchrow("SELECT version, epoch FROM graph_meta")
    if row is None:
        raise SchemaMissing(
            "table graph_meta has lost its row; run `servicegraph migrate` on an empty database"
        )
    if epoch is not None and row["epoch"] != epoch:
        raise Deposed
    version: int = row["version"]
    return version


async def provider_id(conn: Connection, name: str) -> int:
    """The key of the provider called `name`.

    Raises:
        SchemaMissing: the migration did not put it there.
    """
    found: int | None = await conn.fetchval("SELECT id FROM providers WHERE name = $1", name)
    if found is None:
        raise SchemaMissing(
            f"table providers has lost its row {name!r}; run `servicegraph migrate` on an empty database"
        )
    return found


async def service_ids(conn: Connection, keys: AbstractSet[ServiceKey]) -> tuple[dict[ServiceKey, int], int]:
    """The surrogate keys of services, made for those that have none; and how many were made."""
    ids = await known_service_ids(conn, keys)
    made = await make_services(conn, keys - ids.keys())
    return ids | made, len(made)


async def known_service_ids(conn: Connection, keys: Collection[ServiceKey]) -> dict[ServiceKey, int]:
    """The surrogate keys of those services that have one."""
    wanted = list(keys)
    found = await conn.fetch(
        """
        SELECT wanted.at, s.id
        FROM services s
        JOIN unnest($1::text[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY
            AS wanted (cluster, namespace, name, kind, at) USING (cluster, namespace, name, kind)
        """,
        *(zip(*wanted, strict=True) if wanted else ([], [], [], [])),
    )
    return {wanted[at - 1]: number for at, number in map(tuple, found)}


async def make_services(conn: Connection, keys: Collection[ServiceKey]) -> dict[ServiceKey, int]:
    """Store services that are named for the first time; returns the surrogate keys that they were given."""
    missing = sorted((str(key), key) for key in keys)
    fresh = await fresh_ids(conn, "services", len(missing))
    await conn.copy_records_to_table(
        "services",
        records=[(number, *key, printed) for number, (printed, key) in zip(fresh, missing, strict=True)],
        columns=("id", "cluster", "namespace", "name", "kind", "printed"),
    )
    return {key: number for number, (_, key) in zip(fresh, missing, strict=True)}


async def fresh_ids(conn: Connection, table: str, count: int) -> range:
    """That many surrogate keys of `table` that were never given before, so that its rows can be written by COPY.

    They lie side by side because the writers' lock keeps everybody else from taking some.
    """
    if not count:
        return range(0)
    last: int = await conn.fetchval(
        "SELECT setval(own.keys, nextval(own.keys) + $2 - 1) FROM pg_get_serial_sequence($1, 'id') AS own (keys)",
        table,
        count,
    )
    return range(last - count + 1, last + 1)


async def protocol_ids(conn: Connection, names: Collection[str]) -> tuple[dict[str, int], int]:
    """The numbers of protocols, made for those that have none; and how many were made."""
    found = await conn.fetch("SELECT name, id FROM protocols WHERE name = ANY($1::text[])", list(names))
    ids: dict[str, int] = {row["name"]: row["id"] for row in found}
    missing = sorted(set(names) - ids.keys())
    if missing:
        made = await conn.fetch(
            "INSERT INTO protocols (name) SELECT unnest($1::text[]) RETURNING name, id", missing
        )
        ids.update({row["name"]: row["id"] for row in made})
    return ids, len(missing)


async def forget_services(conn: Connection, candidates: Collection[int]) -> int:
    """Delete those of `candidates` that no statement and no observation names; returns how many."""
    if not candidates:
        return 0
    done = await conn.execute(
        """
        DELETE FROM services s
        WHERE s.id = ANY($1::int[])
          AND NOT EXISTS (SELECT FROM statements WHERE service = s.id)
          AND NOT EXISTS (SELECT FROM observations WHERE source = s.id)
          AND NOT EXISTS (SELECT FROM observations WHERE target = s.id)
        """,
        sorted(candidates),
    )
    return row_count(done)


async def publish(conn: Connection, version: int, at: datetime) -> None:
    """Make `version` the current one and announce it at commit; the last step of a transaction that changed the graph.

    Raises:
        StoreConflict: the version moved although the lock was held.
    """
    made = await conn.fetchval(
        "UPDATE graph_meta SET version = version + 1, committed_at = $2 WHERE version = $1 - 1 RETURNING version",
        version,
        at,
    )
    if made != version:
        raise StoreConflict
    await conn.execute("SELECT pg_notify($1, $2)", CHANNEL, str(version))
