"""What becomes of calls that telemetry shows: rows, versions, volumes, alerts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from servicegraph.ingest.batch import Batch
from servicegraph.model.telemetry import VirtualEnd
from support.declared import declares
from support.polled import AWAY, INTERVAL, OTEL, Polling, call, many, states

if TYPE_CHECKING:
    from servicegraph.clock import SteppedClock
    from servicegraph.ingest.commit import GraphWriter
    from support.rows import Rows


async def test_a_call_is_confirmed_by_the_second_poll_in_a_row(otel: Polling, rows: Rows) -> None:
    assert (await otel.sees("a>b")).edges == 1
    assert await states(rows) == {"shop/a>shop/b": "present"}
    await otel.sees("a>b")
    assert await states(rows) == {"shop/a>shop/b": "confirmed present alertable"}
    assert await rows.changes() == {
        ("added", "shop/a", "shop/b", "observed"),
        ("changed", "shop/a", "shop/b", "confirmed"),
    }


async def test_a_call_that_is_missed_in_between_is_not_confirmed(otel: Polling, rows: Rows) -> None:
    for shown in (["a>b"], [], ["a>b"]):
        await otel.sees("c>d", *shown)
    assert (await states(rows))["shop/a>shop/b"] == "present"
    await otel.sees("c>d", "a>b")
    assert (await states(rows))["shop/a>shop/b"] == "confirmed present alertable"


async def test_polls_that_fail_confirm_nothing_and_break_no_row(otel: Polling, rows: Rows) -> None:
    await otel.sees("a>b")
    outcome = await otel.fails()
    assert outcome.failure == AWAY
    assert await states(rows) == {"shop/a>shop/b": "present"}
    await otel.sees("a>b")
    assert await states(rows) == {"shop/a>shop/b": "confirmed present alertable"}


async def test_a_steady_poll_writes_the_row_of_its_source_and_nothing_else(otel: Polling, rows: Rows) -> None:
    shown = [*many(30), call("user>hub", virtual=VirtualEnd.CLIENT)]
    await otel.sees(*shown)
    await otel.sees(*shown)
    before = await rows.addresses()
    version = await rows.one("SELECT version FROM graph_meta")
    for at in range(50):
        committed = await otel.commits(*shown) if at % 10 else await otel.commits(failure=AWAY)
        assert not committed.changed
    after = await rows.addresses()
    providers = before.pop("providers"), after.pop("providers")
    assert after == before
    assert len(set(providers[0]) & set(providers[1])) == 1  # that of `declared`
    assert await rows.one("SELECT version FROM graph_meta") == version
    assert await rows.one("SELECT jsonb_array_length(polls) FROM providers WHERE name = 'otel'") == 10


async def test_the_same_poll_again_changes_nothing(otel: Polling, rows: Rows) -> None:
    for shown in (["a>b", "c>d"], ["c>d"], ["a>b", "c>d"]):
        first = await otel.commits(*shown)
        before = await rows.addresses()
        again = await otel.again()
        assert (again.changed, again.polls) == (False, first.polls)
        assert await rows.addresses() == before


async def test_volume_is_kept_beside_the_graph_and_rarely_written(otel: Polling, rows: Rows) -> None:
    async def shows(bucket: int | None) -> int | None:
        otel.clock.step(INTERVAL)
        assert otel.last
        otel.last = replace(otel.last, at=otel.clock.now(), calls={call("a>b"): bucket})
        assert not (await otel.again()).changed
        kept: int | None = await rows.one("SELECT bucket FROM volumes")
        return kept

    await otel.sees("a>b")
    await otel.sees("a>b")
    assert [await shows(bucket) for bucket in (None, 2, 3, 2, 3, 0, None)] == [None, 2, 3, 3, 3, 3, 3]
    otel.clock.step(timedelta(days=1))
    assert [await shows(bucket) for bucket in (2, 1, 0)] == [3, 1, 1]


@pytest.mark.parametrize("size", [7000])
async def test_a_large_poll_is_compared_page_by_page(otel: Polling, rows: Rows, size: int) -> None:
    shown = [call(f"s{number % 400}>t{number // 400}") for number in range(size)]
    await otel.sees(*shown)
    await otel.sees(*shown)
    assert not (await otel.commits(*shown)).changed
    await otel.sees(*shown[1:])
    assert await rows.of(
        "SELECT absent_since IS NULL AS present, count(*) FROM observations GROUP BY 1 ORDER BY 1"
    ) == [
        {"present": False, "count": 1},
        {"present": True, "count": size - 1},
    ]


async def test_seen_calls_close_a_circle_once_they_are_confirmed_and_open_it_when_they_stay_away(
    otel: Polling, writer: GraphWriter, rows: Rows
) -> None:
    await writer.commit(Batch([declares("a", "b")]))
    open_alerts = "SELECT count(*) FROM alerts WHERE state = 'Open'"
    told: list[Any] = []
    for shown in (["b>a"], ["b>a"], []):
        await otel.sees("c>d", *shown)
        told.append(await rows.one(open_alerts))
    await otel.goes_on("c>d", hours=1 / 3)
    told.append(await rows.one(open_alerts))
    await otel.sees("c>d")
    told.append(await rows.one(open_alerts))
    assert told == [0, 1, 1, 1, 0]
    await otel.sees("c>d", "b>a")
    assert await rows.one(open_alerts) == 1


async def test_a_poll_that_cannot_be_stored_fails_alone(
    otel: Polling, writer: GraphWriter, clock: SteppedClock, rows: Rows
) -> None:
    other = Polling(writer, clock, replace(OTEL, name="tempo", url="http://tempo"))
    await otel.sees("a>b")
    await other.sees("c>d")
    assert otel.last
    assert other.last
    await rows.run("ALTER TABLE observations ADD CONSTRAINT planted CHECK (raw_key NOT LIKE '%planted%')")
    polls = [
        replace(otel.last, at=clock.now() + INTERVAL, calls={call("a>b"): None, call("a>planted"): 3}),
        replace(other.last, at=clock.now() + INTERVAL, calls={call("c>d"): None, call("c>e"): None}),
    ]
    committed = await writer.commit(Batch([declares("x")], polls=polls))
    failure = committed.polls["otel"].failure
    assert failure
    assert failure.reason == "RefusedByStore"
    assert committed.polls["tempo"].edges == 2
    assert await rows.edges() == {("shop/a", "shop/b"), ("shop/c", "shop/d"), ("shop/c", "shop/e")}
    assert "shop/planted" not in await rows.services()
    assert await rows.one("SELECT health LIKE 'RefusedByStore: %' FROM providers WHERE name = 'otel'")
