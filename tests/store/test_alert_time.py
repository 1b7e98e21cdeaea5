"""What time does to alerts and to what is kept, once a commit is asked to look at it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from servicegraph.clock import SystemClock
from servicegraph.ingest.batch import Batch, Committed, Retention
from servicegraph.model.observation import RemovedObject
from servicegraph.reconcile.health import HealthBoard
from servicegraph.reconcile.schedule import Schedule
from servicegraph.settings import Settings
from servicegraph.store import expiry
from servicegraph.store.current import CurrentSnapshot
from servicegraph.store.expiry import next_due
from servicegraph.store.snapshot import load
from support.declared import DAWN, calls, declares, service
from support.rings import Rings, alert_with, told

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.clock import SteppedClock
    from servicegraph.ingest.commit import GraphWriter
    from support.rows import Rows

DAY = timedelta(days=1)
MONTH = Retention(alerts=30 * DAY, changes=30 * DAY)
NOON = DAWN + DAY / 2


@pytest.fixture
def rings(writer: GraphWriter) -> Rings:
    return Rings(writer)


async def look(writer: GraphWriter) -> Committed:
    return await writer.commit(Batch(retention=MONTH))


async def test_an_acknowledgement_past_its_end_opens_the_alert_once(
    rings: Rings, writer: GraphWriter, engine: AsyncEngine, clock: SteppedClock, rows: Rows
) -> None:
    name = (await rings.become("abc")).told[0].alert
    await rings.said(name, until=NOON)
    clock.step(DAY / 2 - timedelta(microseconds=1))
    assert not (await look(writer)).changed
    clock.step(timedelta(microseconds=1))
    done = await look(writer)
    assert told(done) == [(name, "CycleOpened", "AcknowledgementExpired")]
    assert alert_with(await load(engine), "abc").state == "Open"
    before = await rows.addresses()
    assert not (await look(writer)).changed
    assert not (await rings.said(name, until=NOON)).changed
    assert await rows.addresses() == before


async def test_time_alone_changes_nothing_until_a_commit_looks_at_it(
    rings: Rings, engine: AsyncEngine, clock: SteppedClock
) -> None:
    name = (await rings.become("abc")).told[0].alert
    await rings.said(name, until=NOON)
    clock.step(DAY)
    assert told(await rings.become("abc de"))[0][1:] == ("CycleOpened", "NewCircle")
    assert alert_with(await load(engine), "abc").state == "Acknowledged"


async def test_an_acceptance_in_a_manifest_ends_and_stays_ended(
    rings: Rings, writer: GraphWriter, engine: AsyncEngine, clock: SteppedClock, rows: Rows
) -> None:
    done = await rings.become("ab", accepted=True, accepted_until=NOON)
    assert [kind for _, kind, _ in told(done)] == ["CycleOpened", "CycleAcknowledged"]
    clock.step(DAY)
    done = await look(writer)
    assert [(kind, reason) for _, kind, reason in told(done)] == [("CycleOpened", "NotAcknowledged")]
    assert {
        ("changed", "shop/a", "shop/b", "expired"),
        ("changed", "shop/b", "shop/a", "expired"),
    } == await rows.changes(since=1)
    assert not (await look(writer)).changed
    # Neither the object as it was nor a full comparison of what it says accepts it again.
    assert not (await rings.again()).changed
    await rows.run("UPDATE objects SET digest = NULL")
    assert not (await rings.again()).changed
    assert alert_with(await load(engine), "ab").state == "Open"
    await rings.become("ab", accepted=True, accepted_until=DAWN + 9 * DAY)
    assert alert_with(await load(engine), "ab").state == "Acknowledged"


async def test_an_acceptance_that_is_over_when_it_is_declared_counts_for_nothing(
    rings: Rings, clock: SteppedClock
) -> None:
    clock.step(DAY)
    done = await rings.become("ab", accepted=True, accepted_until=NOON)
    assert [kind for _, kind, _ in told(done)] == ["CycleOpened"]


async def test_resolved_alerts_go_after_a_while_unless_somebody_acknowledged_them(
    rings: Rings, writer: GraphWriter, engine: AsyncEngine, clock: SteppedClock, rows: Rows
) -> None:
    names = [one.alert for one in (await rings.become("ab cd")).told]
    await rings.said(names[1])
    await rings.become("ef")
    clock.step(30 * DAY - timedelta(microseconds=1))
    assert not (await look(writer)).changed
    clock.step(timedelta(microseconds=1))
    done = await look(writer)
    assert (done.changed, done.told) == (True, ())
    left = {alert.name: alert.state for alert in (await load(engine)).alerts}
    assert left.keys() >= {names[1]}
    assert sorted(left.values()) == ["Open", "Resolved"]
    assert {row["alert"] for row in await rows.of("SELECT alert FROM transitions")} == left.keys()
    assert not (await look(writer)).changed


async def test_the_log_of_changes_is_shortened_a_piece_at_a_time_without_a_version(
    writer: GraphWriter, rows: Rows, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await writer.commit(Batch([declares("a", "x", "y", "z")]))
    clock.step(20 * DAY)
    await writer.commit(Batch(removed=[RemovedObject("uid-of-a", "deleted")]))
    clock.step(10 * DAY)
    monkeypatch.setattr(expiry, "FORGOTTEN_AT_ONCE", 3)
    left = []
    for _ in range(3):
        assert (await look(writer)).changed is False
        left.append(await rows.one("SELECT count(*) FROM changes"))
    assert left == [5, 4, 4]
    assert await rows.changes(since=1) == await rows.changes()


async def test_protocols_that_no_edge_has_any_more_are_forgotten_once_they_are_many(
    writer: GraphWriter, engine: AsyncEngine, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry, "FEW_PROTOCOLS", 3)
    left = []
    for generation, spoken in enumerate(["gRPC", "HTTP", "AMQP"], 1):
        said = calls(service("a"), "b", protocol=spoken)
        await writer.commit(Batch([declares("a", said, generation=generation)]))
        assert (await look(writer)).changed is False
        left.append([row["name"] for row in await rows.of("SELECT name FROM protocols ORDER BY id")])
    assert left == [["", "gRPC"], ["", "gRPC", "HTTP"], ["", "AMQP"]]
    graph = await load(engine)
    assert [graph.protocols[at] for at in graph.edges.protocol] == ["AMQP"]


async def test_what_is_due_next_is_the_earliest_end_of_all(
    rings: Rings, writer: GraphWriter, engine: AsyncEngine, clock: SteppedClock
) -> None:
    async def due() -> datetime | None:
        return await next_due(engine, MONTH.alerts)

    assert await due() is None
    await writer.commit(
        Batch([declares("x", calls(service("x"), "y", accepted=True, accepted_until=DAWN + 40 * DAY))])
    )
    assert await due() == DAWN + 40 * DAY
    name = (await rings.become("ab")).told[0].alert
    await rings.said(name, until=NOON)
    assert await due() == NOON
    clock.step(DAY)
    await look(writer)
    assert await due() == DAWN + 40 * DAY
    await rings.become("")
    assert await due() == DAWN + 40 * DAY, "one that was acknowledged is kept"
    await writer.commit(Batch(acknowledgements={name: None}))
    assert await due() == DAWN + 31 * DAY


@asynccontextmanager
async def scheduled(
    engine: AsyncEngine, writer: GraphWriter, clock: SteppedClock
) -> AsyncIterator[CurrentSnapshot]:
    """A schedule that hears of every new graph, as in the operator; what it has done shows in the snapshot."""
    current = CurrentSnapshot(engine, SystemClock())
    schedule = Schedule(engine, writer, HealthBoard(), Settings(), clock)
    current.subscribe(schedule.look_again)
    running = [asyncio.create_task(current.run()), asyncio.create_task(schedule.run())]
    async with asyncio.timeout(30):
        yield current
    for task in running:
        task.cancel()
    await asyncio.wait(running)


async def test_the_schedule_acts_on_an_end_that_it_hears_of_while_it_waits(
    rings: Rings, writer: GraphWriter, engine: AsyncEngine, clock: SteppedClock
) -> None:
    name = (await rings.become("ab")).told[0].alert
    async with scheduled(engine, writer, clock) as current:
        await current.wait_for(1)
        clock.step(DAY)
        said = await rings.said(name, until=clock.now() + DAY)
        await current.wait_for(said.version)
        clock.step(DAY)
        moved = await rings.become("ab cd")
        assert alert_with(await current.wait_for(moved.version + 1), "ab").state == "Open"


async def test_the_schedule_does_at_its_start_what_has_become_due_meanwhile(
    rings: Rings, writer: GraphWriter, engine: AsyncEngine, clock: SteppedClock
) -> None:
    done = await rings.become("ab", accepted=True, accepted_until=NOON)
    clock.step(DAY)
    async with scheduled(engine, writer, clock) as current:
        assert alert_with(await current.wait_for(done.version + 1), "ab").state == "Open"
