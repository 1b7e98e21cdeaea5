"""What becomes of calls that telemetry shows, fails to show, and shows no more: rows, versions and what is told of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from servicegraph.ingest.ageing import ACCEPTED_SECONDS, SUDDEN_DROP, Thresholds
from servicegraph.ingest.batch import Batch
from servicegraph.ingest.commit import GraphWriter
from servicegraph.ingest.newcomers import MOST_NEW_SERVICES
from servicegraph.ingest.outcomes import TOO_MANY
from servicegraph.model.ids import Kind
from servicegraph.model.observation import RemovedObject
from servicegraph.model.telemetry import Connection, RawCall, VirtualEnd
from servicegraph.store.snapshot import load
from support.declared import calls, declares, service
from support.polled import AWAY, INTERVAL, OTEL, Polling, call, many

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.clock import SteppedClock
    from support.rows import Rows

SOON = Thresholds(stale=3600, retention=7200, alertable=1200)
"""An hour until stale, two more until gone; twenty minutes until in no circle."""
STATE = """
SELECT s.printed || '>' || t.printed AS edge,
    o.confirmed, o.absent_since IS NULL AS present, o.stale, o.quarantined, o.alertable
FROM observations o JOIN services s ON s.id = o.source JOIN services t ON t.id = o.target ORDER BY 1, o.raw_key
"""


@pytest.fixture
def writer(engine: AsyncEngine, clock: SteppedClock) -> GraphWriter:
    return GraphWriter(engine, clock, SOON)


@pytest.fixture
def otel(writer: GraphWriter, clock: SteppedClock) -> Polling:
    return Polling(writer, clock)


async def states(rows: Rows) -> dict[str, str]:
    """Of each call, what holds of it."""
    return {
        row["edge"]: " ".join(name for name, holds in row.items() if holds is True)
        for row in await rows.of(STATE)
    }


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


async def test_what_is_declared_later_decides_about_names_that_are_seen_no_more_too(
    otel: Polling, writer: GraphWriter, rows: Rows
) -> None:
    redis = call("cart>/redis", connection=Connection.VIRTUAL, virtual=VirtualEnd.SERVER)
    await otel.sees(redis, call("web>/cart", connection=Connection.DATABASE))
    await otel.sees(redis)
    await writer.commit(Batch([declares("x", service("redis", kind="Datastore"))]))
    assert ("shop/cart", "shop/redis") in await rows.edges()
    await otel.sees()
    assert ("shop/cart", "shop/redis:datastore") in await rows.edges()
    assert "shop/redis" not in await rows.services()
    assert {
        ("removed", "shop/cart", "shop/redis", "moved"),
        ("added", "shop/cart", "shop/redis:datastore", "moved"),
    } <= (await rows.changes())
    await writer.commit(Batch(removed=[RemovedObject("uid-of-x", "deleted")]))
    await otel.sees(redis)
    assert ("shop/cart", "shop/redis") in await rows.edges()


async def test_a_call_that_turns_out_to_be_one_to_itself_goes(
    otel: Polling, writer: GraphWriter, rows: Rows
) -> None:
    await otel.sees("a-x2x7k>a", "c>d")
    await writer.commit(Batch([declares("a")]))
    outcome = await otel.sees("a-x2x7k>a", "c>d")
    assert outcome.dropped == {"self-call": 1}
    assert await rows.edges() == {("shop/c", "shop/d")}
    assert ("removed", "shop/a-x2x7k", "shop/a", "self-call") in await rows.changes()


async def test_a_new_quarantine_takes_hold_of_what_is_known(otel: Polling, rows: Rows) -> None:
    await otel.sees("a>probe", "c>d", "e>probe")
    await otel.sees("a>probe", "c>d", "e>probe")
    otel.source = replace(OTEL, quarantine=OTEL.quarantine | {"probe"})
    await otel.sees("a>probe", "c>d")
    assert await states(rows) == {
        "shop/a>shop/probe": "confirmed present quarantined",
        "shop/c>shop/d": "confirmed present alertable",
        "shop/e>shop/probe": "confirmed quarantined",
    }


async def test_services_that_are_new_in_crowds_come_bit_by_bit_and_quarantined_ones_last(
    otel: Polling, rows: Rows
) -> None:
    crowd = [call(f"s{number:05}>t{number:05}") for number in range(MOST_NEW_SERVICES // 2 + 3)]
    strangers = [
        RawCall("a", f"10.0.{n // 250}.{n % 250}", "shop", "", Connection.VIRTUAL, VirtualEnd.SERVER)
        for n in range(10)
    ]
    outcome = await otel.sees(*strangers, *crowd)
    assert (outcome.edges, outcome.quarantined, outcome.dropped) == (
        MOST_NEW_SERVICES // 2,
        0,
        {TOO_MANY: 13},
    )
    assert "13 calls wait" in outcome.limited
    assert await rows.one("SELECT count(*) FROM services") == MOST_NEW_SERVICES
    outcome = await otel.sees(*reversed(crowd), *strangers)
    assert (outcome.edges, outcome.quarantined, outcome.dropped, outcome.limited) == (len(crowd), 10, {}, "")
    assert outcome.failure is None


async def test_a_crowd_of_new_names_for_known_calls_moves_them_bit_by_bit_too(
    otel: Polling, rows: Rows
) -> None:
    crowd = [RawCall(f"s{number:05}", "hub") for number in range(MOST_NEW_SERVICES - 1)]
    await otel.sees(*crowd)
    more = [RawCall(f"t{number:05}", "hub") for number in range(9)]
    await otel.sees(*crowd, *more)
    otel.source = replace(OTEL, default_namespace="shop")
    outcome = await otel.sees(*crowd, *more)
    assert (outcome.edges, outcome.failure, bool(outcome.limited)) == (len(crowd) + 9, None, True)
    assert await rows.one("SELECT count(*) FROM observations WHERE absent_since IS NOT NULL") == 0
    outcome = await otel.sees(*crowd, *more)
    assert outcome.limited == ""
    assert {one.partition("/")[0] for one in await rows.services()} == {"shop"}


async def test_sources_that_exist_no_more_leave_nothing_behind(
    otel: Polling, writer: GraphWriter, rows: Rows
) -> None:
    await otel.sees("a>b", calls_a_lot := call("a>c"))
    otel.last = (
        replace(otel.last, calls={calls_a_lot: 4}, at=otel.clock.now() + INTERVAL) if otel.last else None
    )
    await otel.again()
    committed = await writer.commit(
        Batch(forgotten_sources=["otel", "declared", "nobody"], polls=[otel.last] if otel.last else [])
    )
    assert (committed.changed, committed.polls) == (True, {})
    for table in ("observations", "volumes", "services"):
        assert await rows.one(f"SELECT count(*) FROM {table}") == 0
    assert [row["name"] for row in await rows.of("SELECT name FROM providers")] == ["declared"]
    assert ("removed", "shop/a", "shop/b", "source forgotten") in await rows.changes()
    assert not (await writer.commit(Batch(forgotten_sources=["otel"]))).changed


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


async def test_a_source_cannot_pass_for_who_declares(otel: Polling, rows: Rows) -> None:
    otel.source = replace(OTEL, name="declared")
    outcome = await otel.sees("a>b")
    assert outcome.failure
    assert outcome.failure.reason == "NameTaken"
    assert await rows.edges() == set()
    assert await rows.one("SELECT preset IS NULL FROM providers") is True


async def test_a_source_tells_nothing_by_silence_before_it_has_answered_once(
    otel: Polling, engine: AsyncEngine
) -> None:
    async def seers() -> dict[str, tuple[str, frozenset[Kind]]]:
        return {
            one.name: (one.group, one.sees) for one in (await load(engine)).providers if one.name == "otel"
        }

    await otel.fails()
    assert await seers() == {"otel": ("http://prometheus", frozenset())}
    assert (await otel.commits()).changed
    assert await seers() == {"otel": ("http://prometheus", OTEL.sees)}
    otel.source = replace(OTEL, url="http://elsewhere", sees=frozenset({Kind.SERVICE}))
    assert not (await otel.commits(failure=AWAY)).changed
    assert (await otel.commits()).changed
    assert await seers() == {"otel": ("http://elsewhere", frozenset({Kind.SERVICE}))}


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
