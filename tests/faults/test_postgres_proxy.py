"""The proxy in front of Postgres does to its clients what tests rely on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import pytest

from faults.gates import Moment
from faults.postgres import PostgresProxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    Connection = asyncpg.Connection[asyncpg.Record]


@pytest.fixture
def proxy(empty_database: str) -> Iterator[PostgresProxy]:
    with PostgresProxy(empty_database) as proxy:
        yield proxy


@pytest.fixture
async def direct(empty_database: str) -> AsyncIterator[Connection]:
    """A connection past the proxy, to a database with a table."""
    connection = await asyncpg.connect(empty_database)
    await connection.execute("CREATE TABLE seen (number int)")
    yield connection
    await connection.close()


async def write(connection: Connection, number: int) -> None:
    async with connection.transaction():
        await connection.execute("INSERT INTO seen VALUES ($1)", number)


async def test_it_counts_commits_of_transactions_that_may_write(
    proxy: PostgresProxy, direct: Connection
) -> None:
    connection = await asyncpg.connect(proxy.url)
    await write(connection, 1)
    async with connection.transaction(readonly=True):
        assert await connection.fetchval("SELECT count(*) FROM seen") == 1
    await connection.execute("SELECT 'COMMIT'")
    await write(connection, 2)
    assert proxy.commits == 2
    proxy.heal()
    assert proxy.commits == 0
    await connection.close()


@pytest.mark.parametrize(("moment", "stored"), [(Moment.BEFORE, [1]), (Moment.AFTER, [1, 2])])
async def test_a_client_is_stopped_before_or_after_its_commit_and_never_hears_of_it(
    proxy: PostgresProxy, direct: Connection, moment: Moment, stored: list[int]
) -> None:
    connection = await asyncpg.connect(proxy.url)
    proxy.stop_at(2, moment)
    await write(connection, 1)
    writing = asyncio.create_task(write(connection, 2))
    assert await asyncio.to_thread(proxy.reached.wait, 30)
    assert not writing.done()
    proxy.heal()
    with pytest.raises((asyncpg.PostgresError, OSError, asyncpg.InterfaceError)):
        await writing
    assert [row["number"] for row in await direct.fetch("SELECT number FROM seen ORDER BY number")] == stored


async def test_it_refuses_holds_and_heals(proxy: PostgresProxy, direct: Connection) -> None:
    connection = await asyncpg.connect(proxy.url)
    proxy.refuse()
    with pytest.raises((asyncpg.PostgresError, OSError, asyncpg.InterfaceError)):
        await connection.fetchval("SELECT 1")
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncpg.connect(proxy.url)
    proxy.heal()
    connection = await asyncpg.connect(proxy.url)
    proxy.hold()
    asking = asyncio.create_task(connection.fetchval("SELECT 1"))
    assert await direct.fetchval("SELECT 2") == 2, "past the proxy everything goes on"
    assert not asking.done()
    proxy.heal()
    assert await asking == 1
    await connection.close()
