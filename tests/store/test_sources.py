"""What becomes of calls when other names are declared, other sources set up, or services come in crowds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from servicegraph.ingest.batch import Batch
from servicegraph.ingest.newcomers import MOST_NEW_SERVICES
from servicegraph.ingest.outcomes import TOO_MANY
from servicegraph.model.ids import Kind
from servicegraph.model.observation import RemovedObject
from servicegraph.model.telemetry import Connection, RawCall, VirtualEnd
from servicegraph.store.snapshot import load
from support.declared import declares, service
from support.polled import AWAY, INTERVAL, OTEL, Polling, call, states

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.ingest.commit import GraphWriter
    from support.rows import Rows


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


async def test_calls_that_never_came_into_the_graph_are_not_missed_when_they_stay_away(otel: Polling) -> None:
    known = [call(f"a{number:02}>hub") for number in range(30)]
    await otel.sees(*known)
    await otel.sees(*known, *(call(f"s{number:05}>t{number:05}") for number in range(4 * MOST_NEW_SERVICES)))
    assert otel.last is not None
    outcome = await otel.sees(*known, *(call(f"s{number:05}>t{number:05}") for number in range(900)))
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
