"""Connections to Postgres: the pool, explicit transactions, and the driver's errors turned into ours.

The pool is SQLAlchemy's, the connection handed out is asyncpg's own, since the bulk paths (COPY both ways) exist only there.
Called by everything else in `store`, and by `ingest.commit`. Errors are told apart in `store.failures`.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal, TypedDict
from urllib.parse import parse_qs, urlsplit

import asyncpg
from sqlalchemy import QueuePool
from sqlalchemy.ext.asyncio import create_async_engine

from servicegraph import metrics
from servicegraph.errors import SettingsError, StoreUnavailable
from servicegraph.store.failures import told_apart

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from servicegraph.settings import Settings


class _Transaction(TypedDict):
    isolation: Literal["repeatable_read", "read_committed"]
    readonly: bool


CONNECT_SECONDS = 10.0
"""How long one attempt to connect may take."""

COMMAND_SECONDS = 60.0
"""How long one command may take; a network that swallows packets looks like this."""

POOL_SECONDS = 10.0
"""How long to wait for a free connection of the pool."""

_SESSION = {
    "jit": "off",  # our statements are short; compiling them costs more than it saves
    "lock_timeout": "30s",  # a writer that waits longer lets go and comes back
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "60s",  # a frozen process must not hold the writers' lock for ever
}

_READING: _Transaction = {"isolation": "repeatable_read", "readonly": True}
_WRITING: _Transaction = {"isolation": "read_committed", "readonly": False}


def create_engine(settings: Settings) -> AsyncEngine:
    """The pool that the settings describe, the one that this process's metrics are about; see `open_engine`."""
    if not settings.database_url:
        raise SettingsError("DATABASE_URL is not set; write postgresql://user:password@host:port/name")
    engine = open_engine(
        settings.database_url, pool_size=settings.db_pool_size, max_overflow=settings.db_max_overflow
    )
    pool = engine.pool
    assert isinstance(pool, QueuePool)
    metrics.db_connections.labels("in_use").set_function(pool.checkedout)
    metrics.db_connections.labels("idle").set_function(pool.checkedin)
    return engine


def open_engine(
    url: str, *, pool_size: int = 20, max_overflow: int = 10, application: str = "servicegraph"
) -> AsyncEngine:
    """A pool of connections to `url`; it connects when it is first used. Dispose of it with `await engine.dispose()`.

    Args:
        url: `postgresql://user:password@host:port/name`; with several hosts, the one that takes writes is used.
        pool_size: connections kept open.
        max_overflow: further connections under load.
        application: the name Postgres shows for these connections.

    Raises:
        SettingsError: `url` is not such a URL.
    """
    wanted = _connect_arguments(url)

    async def connect() -> asyncpg.Connection[asyncpg.Record]:
        return await asyncpg.connect(
            url,
            timeout=CONNECT_SECONDS,
            command_timeout=COMMAND_SECONDS,
            server_settings={"application_name": application, **_SESSION},
            **wanted,
        )

    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_timeout=POOL_SECONDS,
        pool_pre_ping=True,
        pool_use_lifo=True,
    )


def _connect_arguments(url: str) -> dict[str, Any]:
    """What must be said beside the URL: with several hosts we want the one that takes writes."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise SettingsError(f"DATABASE_URL cannot be read: {error}") from error
    if parts.scheme not in {"postgresql", "postgres"}:
        raise SettingsError("DATABASE_URL must look like postgresql://user:password@host:port/name")
    several = "," in parts.netloc.rpartition("@")[2] or "," in "".join(parse_qs(parts.query).get("host", []))
    if several and "target_session_attrs" not in parse_qs(parts.query):
        return {"target_session_attrs": "read-write"}
    return {}


@asynccontextmanager
async def transaction(
    engine: AsyncEngine, *, read_only: bool = False
) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """One transaction on one connection of the pool: commits at the end, rolls back on any error.

    Writing it is READ COMMITTED (the writers' lock orders writers); reading it is REPEATABLE READ READ ONLY, one moment.

    Raises:
        StoreUnavailable: Postgres cannot be reached or cannot serve now; the connection is given up, not reused. When this
            happens at the end of a transaction that writes, it is unknown whether it was committed.
        StoreConflict: the same transaction will succeed when repeated.
        StoreRefused: a value cannot be stored.
        SchemaMissing: the tables are not there.
    """
    with told_apart():
        async with engine.connect() as pooled:
            raw = await _driver(pooled)
            try:
                with told_apart():
                    async with raw.transaction(
                        isolation="repeatable_read" if read_only else "read_committed", readonly=read_only
                    ):
                        yield raw
            except StoreUnavailable:
                await pooled.invalidate()
                raise


@asynccontextmanager
async def savepoint(conn: asyncpg.Connection[asyncpg.Record]) -> AsyncIterator[None]:
    """A part of a transaction that can fail alone: on any error what it has written is taken back, and the rest goes on.

    Raises:
        StoreRefused: a value cannot be stored.
        StoreUnavailable: Postgres went away, and the whole transaction with it.
    """
    with told_apart():
        async with conn.transaction():
            yield


@asynccontextmanager
async def dedicated(engine: AsyncEngine) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection of its own, outside of the pool and of any transaction, for LISTEN; closed at the end.

    Raises:
        StoreUnavailable: Postgres cannot be reached.
    """
    with told_apart():
        async with engine.connect() as pooled:
            raw = await _driver(pooled)
            (await pooled.get_raw_connection()).detach()
            yield raw


def row_count(done: str) -> int:
    """The number of rows in a command's answer, such as `DELETE 12` or `INSERT 0 12`."""
    return int(done.rsplit(" ", 1)[1])


async def _driver(pooled: AsyncConnection) -> asyncpg.Connection[asyncpg.Record]:
    raw = (await pooled.get_raw_connection()).driver_connection
    assert isinstance(raw, asyncpg.Connection)
    return raw
