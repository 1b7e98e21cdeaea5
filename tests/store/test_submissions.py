"""What becomes of records that are sent: rows, versions, the log, and what other providers say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from servicegraph.errors import RemovalRefused
from servicegraph.ingest.batch import Batch
from servicegraph.ingest.posting import MANY
from servicegraph.model.submission import Counts, Intent
from servicegraph.store.snapshot import load
from support.declared import calls, declares, service
from support.posted import about, edge, submits

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.ingest.batch import Committed
    from servicegraph.ingest.commit import GraphWriter
    from support.polled import Polling
    from support.rows import Rows

REPLACE, DELETE = Intent.REPLACE, Intent.DELETE


async def sent(writer: GraphWriter, *records: dict[str, Any], **how: Any) -> Committed:
    return await writer.commit(Batch(submission=submits(*records, **how)))


def counted(committed: Committed) -> tuple[Counts, Counts]:
    assert committed.receipt is not None
    assert committed.receipt.version == committed.version
    return committed.receipt.services, committed.receipt.dependencies


async def test_records_become_the_words_of_their_provider(writer: GraphWriter, rows: Rows) -> None:
    done = await sent(
        writer, about("a", team="red"), edge("a>b", mode="Async", protocol="gRPC", timeout="5s"), edge("b>c")
    )
    assert counted(done) == (Counts(created=1), Counts(created=2))
    assert (done.version, done.changed) == (1, True)
    found = await rows.of(
        """
        SELECT o.raw_key, p.name, p.evidence_group, o.object, o.evidence, o.mode, o.requirement, o.alertable, o.confirmed,
            o.details, o.absent_since
        FROM observations o JOIN providers p ON p.id = o.provider ORDER BY o.raw_key
        """
    )
    shared = {
        "name": "api:ci", "evidence_group": "api", "object": None, "evidence": 2, "requirement": 0,
        "alertable": False, "confirmed": True, "absent_since": None,
    }  # fmt: skip
    assert found == [
        {**shared, "raw_key": "shop/a shop/b", "mode": 2, "details": {"timeout": "5s"}},
        {**shared, "raw_key": "shop/b shop/c", "mode": 0, "details": {}},
    ]
    assert await rows.changes() == {
        ("added", "shop/a", "", "posted"),
        ("added", "shop/a", "shop/b", "posted"),
        ("added", "shop/b", "shop/c", "posted"),
    }


async def test_the_same_again_writes_no_row_and_makes_no_version(writer: GraphWriter, rows: Rows) -> None:
    records = (
        about("a", team="red", labels={"b": "1", "a": "2"}),
        edge("a>b", timeout="5s", description="x"),
    )
    await sent(writer, *records)
    before = await rows.addresses()
    for intent in (Intent.MERGE, REPLACE):
        done = await sent(writer, *records, intent=intent)
        assert not done.changed
        assert counted(done) == (Counts(unchanged=1), Counts(unchanged=1))
    assert await rows.addresses() == before


async def test_what_is_sent_otherwise_takes_the_place_of_what_was_sent(
    writer: GraphWriter, rows: Rows
) -> None:
    await sent(writer, about("a", team="red", technology="go"), edge("a>b", mode="Sync", timeout="5s"))
    first_seen = await rows.one("SELECT first_seen FROM observations")
    done = await sent(writer, about("a", team="blue"), edge("a>b", mode="Async"))
    assert counted(done) == (Counts(updated=1), Counts(updated=1))
    assert await rows.of("SELECT team, technology FROM statements") == [{"team": "blue", "technology": None}]
    assert await rows.one("SELECT first_seen FROM observations") == first_seen
    assert await rows.changes(since=1) == {
        ("changed", "shop/a", "", "posted"),
        ("changed", "shop/a", "shop/b", "posted"),
    }
    details = await rows.one("SELECT details FROM changes WHERE version = 2 AND subject = 'edge'")
    assert details == {"mode": [1, 2], "details": [{"timeout": "5s"}, {}]}


async def test_a_full_picture_takes_away_what_it_leaves_out_and_nothing_of_others(
    writer: GraphWriter, rows: Rows
) -> None:
    await sent(writer, edge("a>b"), key="other")
    await writer.commit(Batch([declares("a", calls(service("a"), "d"))]))
    await sent(writer, about("x", team="red"), edge("a>b"), edge("a>c"), edge("a>d"))
    done = await sent(writer, edge("a>c"), intent=REPLACE)
    assert counted(done) == (Counts(removed=1), Counts(unchanged=1, removed=2))
    assert await rows.edges() == {("shop/a", "shop/b"), ("shop/a", "shop/c"), ("shop/a", "shop/d")}
    assert await rows.services() == {"shop/a", "shop/b", "shop/c", "shop/d"}
    done = await sent(writer, intent=REPLACE)
    assert counted(done) == (Counts(), Counts(removed=1))
    assert await rows.edges() == {("shop/a", "shop/b"), ("shop/a", "shop/d")}
    assert ("removed", "shop/a", "shop/c", "left out") in await rows.changes()


async def test_what_is_taken_back_is_gone_and_what_was_never_sent_is_told(
    writer: GraphWriter, rows: Rows
) -> None:
    await sent(writer, edge("a>b"), key="other")
    await sent(writer, about("a", team="red"), about("b"), edge("a>b"), edge("a>c"))
    away = (about("a"), about("nobody"), edge("a>b", mode="Async"), edge("c>a"), edge("nobody>no-one"))
    done = await sent(writer, *away, intent=DELETE)
    assert counted(done) == (Counts(removed=1, absent=1), Counts(removed=1, absent=2))
    assert await rows.edges() == {("shop/a", "shop/b"), ("shop/a", "shop/c")}
    assert await rows.services() == {"shop/a", "shop/b", "shop/c"}
    assert ("removed", "shop/a", "shop/b", "taken back") in await rows.changes()
    before = await rows.addresses()
    again = await sent(writer, *away, intent=DELETE)
    assert (again.changed, counted(again)) == (False, (Counts(absent=2), Counts(absent=3)))
    assert await rows.addresses() == before


async def test_who_takes_back_and_never_sent_leaves_no_trace(writer: GraphWriter, rows: Rows) -> None:
    before = await rows.addresses()
    for intent in Intent:
        done = await sent(writer, *([edge("a>b")] if intent is DELETE else []), intent=intent)
        assert not done.changed
    assert await rows.addresses() == before


async def test_much_goes_at_once_only_when_it_is_said_so(writer: GraphWriter, rows: Rows) -> None:
    everything = [edge(f"a>b{number}") for number in range(2 * MANY)]
    await sent(writer, *everything)
    before = await rows.addresses()
    with pytest.raises(RemovalRefused, match=r"take away 101 of the 200 .* accept_removal=true"):
        await sent(writer, *everything[: MANY - 1], edge("new>one"), intent=REPLACE, most=0.5)
    assert await rows.addresses() == before, "nothing of it is stored"
    done = await sent(writer, *everything[:MANY], intent=REPLACE, most=0.5)
    assert counted(done)[1] == Counts(unchanged=MANY, removed=MANY)
    done = await sent(writer, everything[0], intent=REPLACE, most=0.1)
    assert counted(done)[1].removed == MANY - 1, "fewer than a hundred are never refused"


async def test_two_keys_that_say_the_same_are_one_piece_of_evidence(
    writer: GraphWriter, engine: AsyncEngine
) -> None:
    await sent(writer, edge("a>b", mode="Async"), key="b-second")
    await sent(writer, about("a", team="red"), edge("a>b", requirement="Hard"), key="a-first")
    graph = await load(engine)
    assert graph.edges.confidence.tolist() == pytest.approx([0.90])
    assert [one.name for one in graph.providers] == ["api:a-first", "api:b-second", "declared"]
    assert [(node.key.name, node.team, node.stated) for node in graph.nodes] == [
        ("a", "red", True), ("b", None, False)
    ]  # fmt: skip


async def test_declared_words_come_before_sent_ones_and_those_before_none(
    writer: GraphWriter, engine: AsyncEngine
) -> None:
    await sent(writer, about("a", team="sent", technology="go"), edge("a>b", mode="Async", protocol="gRPC"))
    await writer.commit(Batch([declares("a", calls(service("a"), "b"), team="declared")]))
    graph = await load(engine)
    (node,) = [one for one in graph.nodes if one.key.name == "a"]
    assert (node.team, node.technology) == ("declared", "go")
    assert graph.edges.confidence.tolist() == pytest.approx([1 - 0.05 * 0.10])


async def test_what_is_sent_raises_no_alert_and_hides_none(writer: GraphWriter, rows: Rows) -> None:
    await sent(writer, edge("a>b"), edge("b>a"))
    assert await rows.one("SELECT count(*) FROM alerts") == 0
    await writer.commit(
        Batch(
            [
                declares("a", calls(service("a"), "b"), uid="a"),
                declares("b", calls(service("b"), "a"), uid="b"),
            ]
        )
    )
    assert await rows.of("SELECT state FROM alerts") == [{"state": "Open"}]
    await sent(writer, edge("a>b"), edge("b>a"), intent=DELETE)
    assert await rows.of("SELECT state FROM alerts") == [{"state": "Open"}]


async def test_what_is_sent_never_ages_and_is_no_source_that_can_be_forgotten(
    writer: GraphWriter, otel: Polling, rows: Rows
) -> None:
    await sent(writer, edge("a>b"))
    for _ in range(30):
        await otel.sees("c>d")
    await writer.commit(Batch(forgotten_sources=["api:ci"]))
    assert ("shop/a", "shop/b") in await rows.edges()
    assert await rows.one("SELECT stale FROM observations WHERE raw_key = 'shop/a shop/b'") is False
