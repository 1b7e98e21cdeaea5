"""What the store measures of itself."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from servicegraph.ingest.batch import Batch
from servicegraph.settings import Settings
from servicegraph.store.current import CurrentSnapshot
from servicegraph.store.engine import create_engine, transaction
from support.declared import declares
from support.meters import reading
from support.rings import Rings

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.clock import SteppedClock
    from servicegraph.ingest.commit import GraphWriter


async def test_the_connections_of_the_pool_are_counted_by_what_they_do(database: str) -> None:
    def connections() -> list[float]:
        return [reading("servicegraph_db_connections", state=state) for state in ("in_use", "idle")]

    engine = create_engine(Settings(database_url=database))
    try:
        async with transaction(engine), transaction(engine, read_only=True):
            assert connections() == [2, 0]
        assert connections() == [0, 2]
    finally:
        await engine.dispose()


async def test_a_load_is_measured_and_the_snapshot_ages_from_then_on(
    engine: AsyncEngine, writer: GraphWriter, clock: SteppedClock
) -> None:
    await writer.commit(Batch([declares("checkout", "cart", "payment")]))
    loads = reading("servicegraph_snapshot_load_seconds_count")
    current = CurrentSnapshot(engine, clock)
    following = asyncio.create_task(current.run())
    await current.wait_for(1)
    following.cancel()
    await asyncio.wait({following})
    assert reading("servicegraph_snapshot_load_seconds_count") == loads + 1
    graph = [reading(f"servicegraph_graph_{name}") for name in ("version", "nodes", "edges")]
    assert graph == [1, 3, 2]
    assert reading("servicegraph_snapshot_age_seconds") == 0
    clock.step(timedelta(seconds=90))
    assert reading("servicegraph_snapshot_age_seconds") == 90


async def test_the_rows_that_a_commit_writes_are_counted(writer: GraphWriter) -> None:
    tables = ("objects", "services", "statements", "observations")

    def inserted() -> list[float]:
        return [
            reading("servicegraph_rows_written_total", table=table, operation="insert") for table in tables
        ]

    before = inserted()
    batch = Batch([declares("checkout", "cart", "payment")])
    await writer.commit(batch)
    await writer.commit(batch)
    assert inserted() == [a + b for a, b in zip(before, (1, 3, 1, 2), strict=True)]


async def test_alerts_are_counted_by_state_and_severity(
    engine: AsyncEngine, writer: GraphWriter, clock: SteppedClock
) -> None:
    def alerts(severity: str) -> list[float]:
        states = ("Open", "Acknowledged", "Resolved")
        return [reading("servicegraph_cycle_alerts", state=state, severity=severity) for state in states]

    rings = Rings(writer)
    await rings.become("ab cd ef")
    first = (await rings.become("ab cd")).told[0].alert
    current = CurrentSnapshot(engine, clock)
    following = asyncio.create_task(current.run())
    await current.wait_for(2)
    assert (alerts("Critical"), alerts("Info")) == ([2, 0, 1], [0, 0, 0])
    left = next(alert.name for alert in (await current.wait_for(2)).alerts if alert.name != first)
    await rings.said(left)
    await current.wait_for(3)
    assert alerts("Critical") == [1, 1, 1]
    await rings.become("")
    await current.wait_for(4)
    assert alerts("Critical") == [0, 0, 3]
    following.cancel()
    await asyncio.wait({following})
