from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.pool import QueuePool

from servicegraph.errors import (
    SettingsError,
    StoreConflict,
    StoreRefused,
    StoreUnavailable,
)
from servicegraph.settings import Settings
from servicegraph.store.engine import create_engine, open_engine, transaction
from servicegraph.store.failures import translated

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from support.databases import PostgresServer
    from support.rows import Rows

_KILL_OTHERS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


@pytest.mark.parametrize("url", ["", "mysql://host/name", "host:5432/name", "postgresql://[broken/name"])
def test_a_url_that_is_none_of_postgres_says_what_one_looks_like(url: str) -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL"):
        create_engine(Settings(database_url=url))


async def test_the_pool_is_as_large_as_the_settings_say(database: str) -> None:
    engine = create_engine(Settings(database_url=database, db_pool_size=3, db_max_overflow=1))
    assert isinstance(engine.pool, QueuePool)
    assert (engine.pool.size(), engine.pool._max_overflow) == (3, 1)
    async with transaction(engine) as conn:
        assert await conn.fetchval("SHOW application_name") == "servicegraph"
    await engine.dispose()


async def test_of_several_hosts_the_one_that_answers_is_used(database: str) -> None:
    address = database.rpartition("@")[2].partition("/")[0]
    engine = open_engine(database.replace(address, f"127.0.0.1:1,{address}"))
    async with transaction(engine) as conn:
        assert await conn.fetchval("SELECT 1") == 1
    await engine.dispose()


async def test_nothing_listening_is_unavailable() -> None:
    engine = open_engine("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        async with transaction(engine):
            pass
    await engine.dispose()


async def test_a_database_or_a_user_that_does_not_exist_is_unavailable(
    postgres_server: PostgresServer, database: str
) -> None:
    for url in (postgres_server.url_of("nowhere"), database.replace("://", "://stranger")):
        engine = open_engine(url)
        with pytest.raises(StoreUnavailable, match="Postgres says"):
            async with transaction(engine):
                pass
        await engine.dispose()


async def test_reading_sees_one_moment_and_cannot_write(engine: AsyncEngine, rows: Rows) -> None:
    async with transaction(engine, read_only=True) as conn:
        before = await conn.fetchval("SELECT version FROM graph_meta")
        await rows.run("UPDATE graph_meta SET version = version + 1")
        assert await conn.fetchval("SELECT version FROM graph_meta") == before
    with pytest.raises(StoreUnavailable, match="read-only"):
        async with transaction(engine, read_only=True) as conn:
            await conn.execute("UPDATE graph_meta SET version = 0")
    assert await rows.one("SELECT version FROM graph_meta") == before + 1


async def test_an_error_inside_rolls_back(engine: AsyncEngine, rows: Rows) -> None:
    async def fail_half_way() -> None:
        async with transaction(engine) as conn:
            await conn.execute("UPDATE graph_meta SET version = 7")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_half_way()
    assert await rows.one("SELECT version FROM graph_meta") == 0


async def test_connections_that_died_unused_are_replaced_unnoticed(database: str, rows: Rows) -> None:
    engine = open_engine(database, pool_size=3)
    await asyncio.gather(*(_ask(engine) for _ in range(3)))
    assert await rows.one(_KILL_OTHERS) == 3
    assert await asyncio.gather(*(_ask(engine) for _ in range(3))) == [1, 1, 1]
    await engine.dispose()


async def test_a_connection_that_dies_in_use_is_unavailable_and_the_next_one_works(
    database: str, rows: Rows
) -> None:
    engine = open_engine(database, pool_size=1, max_overflow=0)

    async def lose_the_connection() -> None:
        async with transaction(engine) as conn:
            await rows.of(_KILL_OTHERS)
            await conn.execute("SELECT 1")

    with pytest.raises(StoreUnavailable):
        await lose_the_connection()
    assert await _ask(engine) == 1
    await engine.dispose()


async def test_a_deadlock_is_a_conflict(engine: AsyncEngine, rows: Rows) -> None:
    await rows.run("CREATE TABLE two AS SELECT 1 AS id UNION SELECT 2")
    held = asyncio.Barrier(2)

    async def lock(first: int, then: int) -> None:
        async with transaction(engine) as conn:
            await conn.execute("SELECT FROM two WHERE id = $1 FOR UPDATE", first)
            await held.wait()
            await conn.execute("SELECT FROM two WHERE id = $1 FOR UPDATE", then)

    done = await asyncio.gather(lock(1, 2), lock(2, 1), return_exceptions=True)
    assert [type(one) for one in done if one is not None] == [StoreConflict]


async def test_waiting_too_long_for_a_lock_is_a_conflict(engine: AsyncEngine) -> None:
    async def wait_for_services() -> None:
        async with transaction(engine) as conn:
            await conn.execute("SET LOCAL lock_timeout = '10ms'")
            await conn.execute("SELECT FROM services")

    async with transaction(engine) as holder:
        await holder.execute("LOCK TABLE services")
        with pytest.raises(StoreConflict):
            await wait_for_services()


@pytest.mark.parametrize(
    ("statement", "value"),
    [
        ("SELECT $1::text", "nul\x00"),
        ("SELECT $1::text", "half\ud800"),
        ("SELECT $1::int", 2**40),
        ("SELECT $1::int", "no number"),
        ("SELECT ('{\"a\": \"' || $1 || '\"}')::jsonb", "\\u0000"),
        ("SELECT 1 / $1::int", 0),
        ("INSERT INTO services (cluster, namespace, name, kind, printed) VALUES ('', '', $1, '', '')", None),
    ],
)
async def test_a_value_that_cannot_be_stored_is_refused(
    engine: AsyncEngine, statement: str, value: object
) -> None:
    with pytest.raises(StoreRefused):
        async with transaction(engine) as conn:
            await conn.fetch(statement, value)


async def test_a_pool_without_a_free_connection_is_unavailable(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("servicegraph.store.engine.POOL_SECONDS", 0.01)
    engine = open_engine(database, pool_size=1, max_overflow=0)
    async with transaction(engine):
        with pytest.raises(StoreUnavailable, match="DB_POOL_SIZE"):
            async with transaction(engine):
                pass
    await engine.dispose()


async def test_a_mistake_in_our_sql_is_held_against_no_batch(engine: AsyncEngine) -> None:
    with pytest.raises(StoreUnavailable, match="syntax error"):
        async with transaction(engine) as conn:
            await conn.execute("SELEKT")


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (asyncpg.ReadOnlySQLTransactionError, StoreUnavailable),
        (asyncpg.TooManyConnectionsError, StoreUnavailable),
        (asyncpg.AdminShutdownError, StoreUnavailable),
        (asyncpg.CrashShutdownError, StoreUnavailable),
        (asyncpg.CannotConnectNowError, StoreUnavailable),
        (asyncpg.DiskFullError, StoreUnavailable),
        (asyncpg.InsufficientPrivilegeError, StoreUnavailable),
        (asyncpg.FeatureNotSupportedError, StoreUnavailable),
        (asyncpg.PostgresError, StoreUnavailable),
        (InvalidRequestError, StoreUnavailable),
        (asyncpg.QueryCanceledError, StoreUnavailable),
        (asyncpg.SerializationError, StoreConflict),
        (asyncpg.ProgramLimitExceededError, StoreRefused),
        (asyncpg.CardinalityViolationError, StoreRefused),
        (asyncpg.RaiseError, StoreRefused),
        (ConnectionResetError, StoreUnavailable),
        (KeyError, type(None)),
    ],
)
def test_each_failure_says_whether_trying_again_helps(error: type[Exception], ours: type) -> None:
    assert type(translated(error("why"))) is ours


@given(st.text())
def test_what_the_driver_says_is_cut(words: str) -> None:
    told = translated(OSError(words * 1000))
    assert told is not None
    assert len(told.message) < 600


async def _ask(engine: AsyncEngine) -> int:
    async with transaction(engine) as conn:
        answer: int = await conn.fetchval("SELECT 1")
        return answer
