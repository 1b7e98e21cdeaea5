from __future__ import annotations

import asyncio
import secrets
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from servicegraph.checks.near import known_services
from servicegraph.clock import SteppedClock, SystemClock
from servicegraph.errors import Retry, ServicegraphError
from servicegraph.ingest.batch import Batch
from servicegraph.ingest.commit import GraphWriter
from servicegraph.local import ports
from servicegraph.local.postgres import Postgres
from servicegraph.local.process import Process
from servicegraph.store import current as following
from servicegraph.store import migrate
from servicegraph.store.current import CurrentSnapshot
from servicegraph.store.engine import open_engine, transaction
from servicegraph.store.snapshot import load
from support.declared import declares, service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.clock import Clock
    from servicegraph.graph.snapshot import Snapshot
    from support.rows import Rows


@asynccontextmanager
async def followed(engine: AsyncEngine, clock: Clock) -> AsyncIterator[CurrentSnapshot]:
    """A snapshot that follows the database for the time of the block."""
    current = CurrentSnapshot(engine, clock)
    running = asyncio.create_task(current.run())
    try:
        async with asyncio.timeout(60):
            yield current
    finally:
        running.cancel()
        await asyncio.wait([running])


async def until(holds: Callable[[], bool]) -> None:
    """Let everything go on until a condition holds; the test's time-out is the limit."""
    while not holds():  # noqa: ASYNC110 - what is waited for is a state of the product, which rings no bell for tests
        await asyncio.sleep(0.005)


@pytest.fixture
async def current(engine: AsyncEngine, clock: SteppedClock) -> AsyncIterator[CurrentSnapshot]:
    """A snapshot that follows the database of the test."""
    async with followed(engine, clock) as current:
        yield current


async def test_before_the_first_snapshot_there_is_none_and_that_is_stale(
    engine: AsyncEngine, clock: SteppedClock
) -> None:
    current = CurrentSnapshot(engine, clock)
    assert current.current() is None
    assert current.freshness().stale


async def test_every_commit_is_followed(current: CurrentSnapshot, writer: GraphWriter) -> None:
    for n in range(1, 6):
        await writer.commit(Batch([declares(f"s{n}", "shared")]))
        assert len((await current.wait_for(n)).edges) == n


async def test_a_notification_wakes_it(
    current: CurrentSnapshot, writer: GraphWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With the poll a day away only NOTIFY can bring the second version.
    monkeypatch.setattr(following, "POLL_SECONDS", 86_400.0)
    await writer.commit(Batch([declares("checkout")]))
    await current.wait_for(1)
    await writer.commit(Batch([declares("payment")]))
    assert (await current.wait_for(2)).mark.version == 2


async def test_a_lost_notification_is_made_up_for_by_the_poll(
    current: CurrentSnapshot, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "POLL_SECONDS", 0.01)
    await current.wait_for(0)
    await rows.run("UPDATE graph_meta SET version = 1")
    assert (await current.wait_for(1)).mark.version == 1


async def test_subscribers_hear_of_each_snapshot_in_order(
    current: CurrentSnapshot, writer: GraphWriter
) -> None:
    heard: list[int] = []

    def hear(snapshot: Snapshot) -> None:
        assert current.current() is snapshot
        heard.append(snapshot.mark.version)

    current.subscribe(hear)
    await current.wait_for(0)
    await asyncio.gather(*(writer.commit(Batch([declares(f"s{n}")])) for n in range(6)))
    await current.wait_for(6)
    assert heard == sorted(set(heard))
    assert heard[-1] == 6


async def test_it_is_stale_as_soon_as_an_outage_is_known_and_fresh_when_it_is_over(
    engine: AsyncEngine, clock: SteppedClock, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "BACKOFF_SECONDS", (0.01, 0.01))
    monkeypatch.setattr(following, "POLL_SECONDS", 0.01)
    async with followed(engine, clock) as current:
        await current.wait_for(0)
        assert not current.freshness().stale
        await rows.run("ALTER TABLE graph_meta RENAME TO away")
        await until(lambda: current.problem() is not None)
        clock.step(timedelta(seconds=2))
        assert current.freshness().stale
        assert current.freshness().age == pytest.approx(2)
        assert current.current() is not None
        await rows.run("ALTER TABLE away RENAME TO graph_meta")
        await until(lambda: current.problem() is None)
        assert not current.freshness().stale
        assert current.freshness().age == 0


async def test_a_postgres_that_does_not_answer_makes_it_stale_and_is_named_before_it_gives_up_waiting(
    engine: AsyncEngine, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "POLL_SECONDS", 0.01)
    async with followed(engine, clock) as current:
        await current.wait_for(0)
        async with transaction(engine) as holder:
            await holder.execute("LOCK TABLE graph_meta")
            clock.step(timedelta(seconds=2))
            assert not current.freshness().stale
            assert current.problem() is None
            clock.step(timedelta(seconds=2))
            assert current.freshness().stale
            assert current.problem() == "Postgres does not answer"
        await until(lambda: current.problem() is None)


async def test_a_fault_of_our_own_leaves_the_last_graph_and_is_tried_again(
    current: CurrentSnapshot, writer: GraphWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "BACKOFF_SECONDS", (0.01, 0.01))
    shown = await current.wait_for(0)
    with monkeypatch.context() as broken:

        async def load(_engine: AsyncEngine) -> None:
            raise ZeroDivisionError("planted")

        broken.setattr(following, "load", load)
        await writer.commit(Batch([declares("checkout")]))
        await until(lambda: current.problem() is not None)
        assert "planted" in str(current.problem())
        assert current.current() is shown
    await current.wait_for(1)
    await until(lambda: current.problem() is None)


async def test_a_lower_version_of_the_same_history_is_never_shown(
    current: CurrentSnapshot, writer: GraphWriter, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "POLL_SECONDS", 0.01)
    await writer.commit(Batch([declares("checkout")]))
    await writer.commit(Batch([declares("payment")]))
    shown = await current.wait_for(2)
    await rows.run("UPDATE graph_meta SET version = 1")
    await until(lambda: current.problem() is not None)
    assert "gone back from version 2 to 1" in str(current.problem())
    assert current.current() is shown


async def test_another_history_takes_over_at_any_version(
    engine: AsyncEngine, clock: SteppedClock, writer: GraphWriter
) -> None:
    await writer.commit(Batch([declares("checkout")]))
    async with followed(engine, clock) as current:
        snapshot = await current.wait_for(1)
        mark = snapshot.mark
        current._snapshot = None
        assert current._follows(mark)
        current._snapshot = snapshot
        assert not current._follows(mark)
        elsewhere = type(mark)(mark.system, mark.timeline + 1, 0, mark.as_of)
        assert current._follows(elsewhere)


async def test_an_empty_database_is_waited_for(
    empty_database: str, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "BACKOFF_SECONDS", (0.01, 0.01))
    engine = open_engine(empty_database)
    async with followed(engine, clock) as current:
        await until(lambda: current.problem() is not None)
        assert "servicegraph migrate" in str(current.problem())
        assert current.current() is None
        await asyncio.to_thread(migrate.upgrade, empty_database)
        await current.wait_for(0)
        await until(lambda: current.problem() is None)
    await engine.dispose()


async def test_a_restart_of_postgres_is_survived_with_the_last_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "STALE_SECONDS", 0.0)
    postgres = Postgres(
        tmp_path, tmp_path / "log", ports.free(), password=secrets.token_hex(8), durable=False
    )
    await asyncio.to_thread(postgres.prepare)
    server = await asyncio.to_thread(_started, postgres)
    engine = open_engine(postgres.url())
    try:
        await asyncio.to_thread(postgres.create_database)
        await asyncio.to_thread(migrate.upgrade, postgres.url())
        writer = GraphWriter(engine, SystemClock())
        await writer.commit(Batch([declares("checkout", "cart")]))
        async with followed(engine, SystemClock()) as current:
            shown = await current.wait_for(1)
            await asyncio.to_thread(server.stop)
            await until(lambda: current.problem() is not None and current.freshness().stale)
            assert current.current() is shown
            server = await asyncio.to_thread(_started, postgres)
            await _committed(writer, Batch([declares("payment", "cart")]))
            assert len((await current.wait_for(2)).edges) == 2
            await until(lambda: current.problem() is None)
    finally:
        await engine.dispose()
        await asyncio.to_thread(server.stop)
        postgres.delete()


def _started(postgres: Postgres) -> Process:
    server = Process(postgres.command())
    server.await_ready(postgres.is_ready)
    return server


async def _committed(writer: GraphWriter, batch: Batch) -> None:
    """Commit as the loop does: again, as long as the error says that it may help."""
    while True:
        try:
            await writer.commit(batch)
        except ServicegraphError as error:
            if error.retry is Retry.NEVER:
                raise
        else:
            return


async def test_the_index_of_known_names_is_made_where_the_graph_is_loaded(
    engine: AsyncEngine, writer: GraphWriter
) -> None:
    await writer.commit(Batch([declares("checkout", "payment")]))
    graph = await load(engine)
    made = known_services.cache_info().misses
    assert known_services(graph).near(service("chekout")) == ("shop/checkout",)
    assert known_services.cache_info().misses == made
