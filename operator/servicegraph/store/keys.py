"""The table of API keys: making, listing and revoking them.

`cli.apikeys` and the local environment call it; a serving process reads the same table through `store.keyring`. Whatever
changes a key is announced (NOTIFY), so that every process learns of it at once.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from servicegraph.errors import BadInput
from servicegraph.model.apikey import ApiKey, Scope, digest, forge, id_of
from servicegraph.store.engine import open_engine, row_count, transaction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import asyncpg
    from sqlalchemy.ext.asyncio import AsyncEngine

    Connection = asyncpg.Connection[asyncpg.Record]

CHANNEL = "servicegraph_keys"
"""Where a change of the keys is announced (NOTIFY), without a payload."""

LIVE_OF_ONE_NAME = 2
"""Live keys that may have one name: the one in use, and the one that takes its place."""

_LIVE = """
SELECT id FROM api_keys WHERE name = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
ORDER BY created_at
"""


async def create(
    engine: AsyncEngine,
    name: str,
    scope: Scope,
    *,
    expires_at: datetime | None = None,
    query_limit: int | None = None,
    ingestion_limit: int | None = None,
) -> tuple[str, ApiKey]:
    """Make a key; its text, which can be had only now, and what is kept of it.

    Raises:
        BadInput: two live keys have this name already.
        StoreUnavailable: Postgres is away.
    """
    text = forge()
    async with transaction(engine) as conn:
        await conn.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('servicegraph key ' || $1, 0))", name
        )
        live = await conn.fetch(_LIVE, name)
        if len(live) >= LIVE_OF_ONE_NAME:
            ids = " and ".join(row["id"] for row in live)
            raise BadInput(
                f"{ids} are live keys of the name {name!r} already, and two are enough to change over;"
                f" first: servicegraph api-keys revoke {live[0]['id']}"
            )
        row = await conn.fetchrow(
            """
            INSERT INTO api_keys (id, name, sha256, scope, query_limit, ingestion_limit, created_at, expires_at)
            VALUES ($1, $2, $3, $4, $5, $6, now(), $7) RETURNING *
            """,
            id_of(text), name, digest(text), scope.value, query_limit, ingestion_limit, expires_at,
        )  # fmt: skip
        await _announce(conn)
    assert row is not None
    return text, from_row(row)


def admit(url: str, text: str, name: str) -> None:
    """Let `text` be a live key of the database at `url` that may do everything without limits, whatever became of it before.

    For an environment of one's own, which keeps its key beside the database's password. Not to be called from a running event
    loop.
    """

    async def run() -> None:
        engine = open_engine(url, pool_size=1, max_overflow=0)
        try:
            async with transaction(engine) as conn:
                await conn.execute(
                    """
                    INSERT INTO api_keys (id, name, sha256, scope, query_limit, ingestion_limit, created_at)
                    VALUES ($1, $2, $3, $4, 0, 0, now())
                    ON CONFLICT (id) DO UPDATE SET revoked_at = NULL, expires_at = NULL
                    """,
                    id_of(text), name, digest(text), Scope.ADMIN.value,
                )  # fmt: skip
                await _announce(conn)
        finally:
            await engine.dispose()

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(run())


async def listed(engine: AsyncEngine) -> list[ApiKey]:
    """All keys by name, the oldest of a name first."""
    async with transaction(engine, read_only=True) as conn:
        return await read_all(conn)


async def revoke(engine: AsyncEngine, named: str) -> ApiKey:
    """Revoke one key, from now on and for ever; one that is revoked already stays so.

    Args:
        engine: the pool.
        named: its id, its name if no other live key has it, or the whole key.

    Raises:
        BadInput: there is no such key, or several live ones have this name.
    """
    wanted = id_of(named) or named
    async with transaction(engine) as conn:
        found = await conn.fetch("SELECT id FROM api_keys WHERE id = $1", wanted)
        found = found or await conn.fetch(_LIVE, wanted)
        if len(found) != 1:
            raise BadInput(_which(wanted, [row["id"] for row in found]))
        row = await conn.fetchrow(
            "UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1 RETURNING *",
            found[0]["id"],
        )
        await _announce(conn)
    assert row is not None
    return from_row(row)


async def write_uses(conn: Connection, uses: Mapping[str, datetime]) -> int:
    """Store when keys, by id, were last used; of how many of them that was news. One statement, which needs no transaction."""
    ids = sorted(uses)
    done: str = await conn.execute(
        """
        UPDATE api_keys k SET last_used_at = u.at FROM unnest($1::text[], $2::timestamptz[]) AS u (id, at)
        WHERE k.id = u.id AND (k.last_used_at IS NULL OR k.last_used_at < u.at)
        """,
        ids,
        [uses[one] for one in ids],
    )
    return row_count(done)


async def read_all(conn: Connection) -> list[ApiKey]:
    """All keys by name, the oldest of a name first."""
    return [from_row(row) for row in await conn.fetch("SELECT * FROM api_keys ORDER BY name, created_at, id")]


def from_row(row: asyncpg.Record) -> ApiKey:
    """The key that a row of `api_keys` keeps."""
    return ApiKey(**{**row, "scope": Scope(row["scope"])})


async def _announce(conn: Connection) -> None:
    await conn.execute(f"NOTIFY {CHANNEL}")


def _which(named: str, ids: Sequence[str]) -> str:
    """Why `named` does not say which key to revoke."""
    if ids:
        return f"{len(ids)} live keys have the name {named!r}; name one of them by its id: {', '.join(ids)}"
    return f"there is no key with the id {named!r} and no live key with that name; servicegraph api-keys list shows all"
