"""What becomes of calls that telemetry fails to show, or shows no more; what it has to do with how the source fares."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from servicegraph.ingest.ageing import ACCEPTED_SECONDS, SUDDEN_DROP
from servicegraph.ingest.batch import Batch
from support.declared import calls, declares, service
from support.polled import AWAY, INTERVAL, OTEL, Polling, call, many, states

if TYPE_CHECKING:
    from servicegraph.ingest.commit import GraphWriter
    from support.rows import Rows


async def test_an_edge_ages_by_healthy_time_until_it_is_forgotten(otel: Polling, rows: Rows) -> None:
    await otel.sees("a>b", "c>d")
    await otel.sees("a>b", "c>d")
    await otel.sees("c>d")
    missing = await rows.of("SELECT absent_since, last_seen FROM observations WHERE absent_since IS NOT NULL")
    assert missing == [{"absent_since": 600.0, "last_seen": otel.clock.now() - INTERVAL}]
    told = {}
    for minutes in (20, 5, 35, 115, 5):
        await otel.goes_on("c>d", hours=minutes / 60)
        told[minutes] = (await states(rows)).get("shop/a>shop/b", "gone")
    assert list(told.items()) == [
        (20, "confirmed alertable"),
        (5, "gone"),
        (35, "confirmed stale"),
        (115, "confirmed stale"),
    ]
    assert await rows.services() == {"shop/c", "shop/d"}
    reasons = [
        row["reason"]
        for row in await rows.of("SELECT reason FROM changes WHERE source = 'shop/a' ORDER BY id")
    ]
    assert reasons == ["observed", "confirmed", "missing", "absent for long", "stale", "expired"]


async def test_an_outage_of_days_ages_nothing(otel: Polling, rows: Rows) -> None:
    for _ in range(3):
        await otel.sees("a>b", "c>d")
    await otel.sees("c>d")
    before, healthy = await states(rows), otel.outcome.healthy_seconds
    for _ in range(4):
        otel.clock.step(timedelta(days=2))
        assert (await otel.fails()).healthy_seconds == healthy
    otel.clock.step(timedelta(days=2))
    outcome = await otel.sees("c>d")
    assert outcome.healthy_seconds == healthy + 2 * OTEL.interval
    assert await states(rows) == before
    assert outcome.failure is None


async def test_a_clock_that_goes_back_ages_nothing(otel: Polling, rows: Rows) -> None:
    await otel.sees("a>b", "c>d")
    await otel.sees("a>b", "c>d")
    otel.clock.step(-timedelta(days=3))
    before = otel.outcome.healthy_seconds
    assert (await otel.sees("c>d")).healthy_seconds == before
    assert (await states(rows))["shop/a>shop/b"] == "confirmed alertable"


async def test_a_call_that_comes_back_is_as_if_it_had_never_gone(otel: Polling, rows: Rows) -> None:
    await otel.sees("a>b", "c>d")
    await otel.sees("a>b", "c>d")
    await otel.goes_on("c>d", hours=1.5)
    assert (await states(rows))["shop/a>shop/b"] == "confirmed stale"
    await otel.sees("a>b", "c>d")
    assert (await states(rows))["shop/a>shop/b"] == "confirmed present alertable"
    assert await rows.one("SELECT count(*) FROM observations WHERE last_seen IS NOT NULL") == 0


async def test_a_partial_answer_brings_calls_and_lets_nothing_age(otel: Polling, rows: Rows) -> None:
    await otel.sees("a>b", "c>d")
    await otel.sees("a>b", "c>d")
    outcome = await otel.sees("c>d", "e>f", failure=AWAY)
    assert (outcome.edges, outcome.failure) == (2, AWAY)
    assert await states(rows) == {
        "shop/a>shop/b": "confirmed present alertable",
        "shop/c>shop/d": "confirmed present alertable",
        "shop/e>shop/f": "present",
    }


async def test_a_sudden_drop_ages_nothing_until_it_has_held_for_a_day(otel: Polling, rows: Rows) -> None:
    shown = many(20)
    await otel.sees(*shown)
    await otel.sees(*shown)
    before = await states(rows)
    dropped = await otel.sees(*shown[:9])
    assert dropped.failure
    assert dropped.failure.reason == SUDDEN_DROP
    assert "acceptDropUntil" in dropped.failure.message
    since = await rows.one("SELECT drop_since FROM providers WHERE name = 'otel'")
    assert since == otel.clock.now()
    for _ in range(5):
        otel.clock.step(timedelta(days=1))
        await otel.fails()  # an outage is no time in which the drop holds
    outcome = await otel.goes_on(*shown[:9], hours=ACCEPTED_SECONDS / 3600 - 1)
    assert outcome.failure
    assert await states(rows) == before
    outcome = await otel.goes_on(*shown[:9], hours=1.5)
    assert outcome.failure is None
    assert sum("present" in state for state in (await states(rows)).values()) == 9
    assert await rows.one("SELECT drop_since FROM providers WHERE name = 'otel'") is None


async def test_a_drop_that_recovers_leaves_no_trace(otel: Polling, rows: Rows) -> None:
    shown = many(20)
    await otel.sees(*shown)
    await otel.sees(*shown)
    await otel.sees()
    assert await rows.one("SELECT health LIKE 'SuddenDrop: %' FROM providers WHERE name = 'otel'")
    assert (await otel.sees(*shown)).failure is None
    assert await rows.of(
        "SELECT drop_since, drop_seconds, health, last_edges FROM providers WHERE name = 'otel'"
    ) == [{"drop_since": None, "drop_seconds": 0.0, "health": None, "last_edges": 20}]


@pytest.mark.parametrize(("before", "after"), [(20, 10), (19, 0)])
async def test_half_of_the_edges_and_those_of_a_small_source_may_go_at_once(
    otel: Polling, before: int, after: int
) -> None:
    await otel.sees(*many(before))
    assert (await otel.sees(*many(after))).failure is None


async def test_a_drop_that_is_announced_is_accepted_at_once(otel: Polling, rows: Rows) -> None:
    await otel.sees(*many(20))
    otel.source = replace(OTEL, accept_drop_until=otel.clock.now() + timedelta(hours=1))
    assert (await otel.sees(*many(2))).failure is None
    assert sum("present" in state for state in (await states(rows)).values()) == 2


async def test_a_burst_of_unknown_names_is_no_substitute_for_the_edges_that_go(otel: Polling) -> None:
    await otel.sees(*many(20))
    outcome = await otel.sees(*(call(f"s{number:05}>unknown") for number in range(20)))
    assert outcome.failure
    assert outcome.failure.reason == SUDDEN_DROP
    assert (outcome.edges, outcome.quarantined, outcome.quarantined_names) == (0, 20, ("unknown",))


async def test_a_declared_interval_keeps_a_rare_call_fresh(
    otel: Polling, writer: GraphWriter, rows: Rows
) -> None:
    rare = calls(service("a"), "b", details={"expectedInterval": "1h30m"})
    await writer.commit(Batch([declares("a", rare)]))
    await otel.sees("a>b", "c>d")
    await otel.sees("a>b", "c>d")
    await otel.goes_on("c>d", hours=2.9)
    stale = "SELECT stale FROM observations WHERE object IS NULL AND absent_since IS NOT NULL"
    assert await rows.one(stale) is False
    await otel.goes_on("c>d", hours=0.3)
    assert await rows.one(stale) is True
    await writer.commit(
        Batch([declares("a", calls(service("a"), "b", details={"expectedInterval": "3h"}), generation=2)])
    )
    await otel.sees("c>d")
    assert await rows.one(stale) is False
