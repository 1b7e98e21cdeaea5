from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from servicegraph.errors import Deposed, StoreRefused
from servicegraph.ingest.batch import Batch
from servicegraph.model.ids import ServiceKey
from servicegraph.model.observation import Observation, RemovedObject
from servicegraph.model.vocabulary import Mode
from support.declared import DAWN, calls, declares, service, stalls

if TYPE_CHECKING:
    from servicegraph.clock import SteppedClock
    from servicegraph.ingest.commit import GraphWriter
    from support.rows import Rows


async def test_objects_become_services_and_edges_of_one_version(writer: GraphWriter, rows: Rows) -> None:
    done = await writer.commit(Batch([declares("checkout", "payment", "cart"), declares("payment")]))
    assert (done.version, done.changed) == (1, True)
    assert done.stored == {"uid-of-checkout": 1, "uid-of-payment": 1}
    assert await rows.services() == {"shop/checkout", "shop/payment", "shop/cart"}
    assert await rows.edges() == {("shop/checkout", "shop/payment"), ("shop/checkout", "shop/cart")}


async def test_the_same_batch_again_writes_no_row_and_makes_no_version(
    writer: GraphWriter, rows: Rows
) -> None:
    batch = Batch(
        [declares("checkout", "payment", team="red", labels={"tier": "1"}), declares("payment")],
        [stalls("cart")],
    )
    first = await writer.commit(batch)
    before = await rows.addresses()
    again = await writer.commit(batch)
    assert again == replace(first, changed=False)
    assert await rows.addresses() == before


async def test_the_same_facts_stated_anew_write_no_fact(writer: GraphWriter, rows: Rows) -> None:
    # Without the digest the facts themselves are compared, as after an upgrade that knows more to say.
    batch = Batch(
        [declares("checkout", calls(service("checkout"), "cart", details={"timeout": "1s"}), team="red")]
    )
    await writer.commit(batch)
    await rows.run("UPDATE objects SET digest = NULL")
    before = await rows.addresses()
    assert not (await writer.commit(batch)).changed
    after = await rows.addresses()
    assert after.pop("objects") != before.pop("objects")
    assert after == before


async def test_a_new_generation_that_says_the_same_is_stored_without_a_version(
    writer: GraphWriter, rows: Rows
) -> None:
    await writer.commit(Batch([declares("checkout", "cart")]))
    await writer.commit(Batch([declares("payment")]))
    before = await rows.addresses()
    done = await writer.commit(Batch([declares("checkout", "cart", generation=2)]))
    assert (done.version, done.changed, done.stored) == (2, False, {"uid-of-checkout": 2})
    after = await rows.addresses()
    assert {table for table in after if after[table] != before[table]} == {"objects"}
    assert await rows.one("SELECT generation FROM objects WHERE name = 'checkout'") == 2


async def test_the_stored_version_stays_while_the_graph_moves(writer: GraphWriter) -> None:
    await writer.commit(Batch([declares("checkout")]))
    await writer.commit(Batch([declares("payment")]))
    done = await writer.commit(Batch([declares("checkout"), declares("cart")]))
    assert (done.version, done.stored) == (3, {"uid-of-checkout": 1, "uid-of-cart": 3})


async def test_a_changed_edge_keeps_the_time_it_was_first_seen(
    writer: GraphWriter, rows: Rows, clock: SteppedClock
) -> None:
    source = service("checkout")
    await writer.commit(Batch([declares("checkout", calls(source, "cart"))]))
    began = clock.now()
    clock.step(timedelta(days=1))
    await writer.commit(Batch([declares("checkout", calls(source, "cart", mode=Mode.ASYNC), generation=2)]))
    (edge,) = await rows.of("SELECT mode, first_seen FROM edges")
    assert edge == {"mode": "Async", "first_seen": began}
    (change,) = await rows.of("SELECT kind, subject, details FROM changes WHERE version = 2")
    assert change == {"kind": "changed", "subject": "edge", "details": {"mode": [1, 2]}}


async def test_what_is_no_longer_declared_goes_and_says_why(writer: GraphWriter, rows: Rows) -> None:
    await writer.commit(Batch([declares("checkout", "cart", "payment")]))
    await writer.commit(Batch([declares("checkout", "cart", "email", generation=2)]))
    assert await rows.edges() == {("shop/checkout", "shop/cart"), ("shop/checkout", "shop/email")}
    assert await rows.services() == {"shop/checkout", "shop/cart", "shop/email"}
    assert await rows.changes(since=1) == {
        ("removed", "shop/checkout", "shop/payment", "undeclared"),
        ("added", "shop/checkout", "shop/email", "declared"),
    }


async def test_an_edge_moved_to_another_service_is_gone_there_and_new_here(
    writer: GraphWriter, rows: Rows
) -> None:
    there = calls(service("checkout"), "cart")
    await writer.commit(Batch([declares("checkout", there)]))
    here = replace(there, target=service("cart", kind="Datastore"))
    await writer.commit(Batch([declares("checkout", here, generation=2)]))
    assert await rows.edges() == {("shop/checkout", "shop/cart:datastore")}
    assert await rows.services() == {"shop/checkout", "shop/cart:datastore"}
    assert await rows.changes(since=1) == {
        ("removed", "shop/checkout", "shop/cart", "moved"),
        ("added", "shop/checkout", "shop/cart:datastore", "moved"),
    }


async def test_a_changed_statement_is_logged_with_what_it_was(writer: GraphWriter, rows: Rows) -> None:
    await writer.commit(Batch([declares("checkout", team="red", labels={"tier": "1"})]))
    await writer.commit(Batch([declares("checkout", team="blue", labels={"tier": "1"}, generation=2)]))
    (change,) = await rows.of(
        "SELECT subject, source, target, object, details FROM changes WHERE version = 2"
    )
    assert change == {
        "subject": "node",
        "source": "shop/checkout",
        "target": None,
        "object": "shop/checkout",
        "details": {"team": ["red", "blue"]},
    }


@pytest.mark.parametrize("reason", ["deleted", "swept"])
async def test_a_removed_object_takes_along_what_only_it_named(
    writer: GraphWriter, rows: Rows, reason: str
) -> None:
    await writer.commit(Batch([declares("checkout", "cart", "email"), declares("payment", "cart")]))
    done = await writer.commit(Batch(removed=[RemovedObject("uid-of-checkout", reason)]))
    assert (done.version, done.changed, done.stored) == (2, True, {})
    assert await rows.edges() == {("shop/payment", "shop/cart")}
    assert await rows.services() == {"shop/payment", "shop/cart"}
    assert await rows.changes(since=1) == {
        ("removed", "shop/checkout", "", reason),
        ("removed", "shop/checkout", "shop/cart", reason),
        ("removed", "shop/checkout", "shop/email", reason),
    }


async def test_a_service_that_others_still_call_stays_without_its_object(
    writer: GraphWriter, rows: Rows
) -> None:
    await writer.commit(Batch([declares("cart", team="red"), declares("payment", "cart")]))
    await writer.commit(Batch(removed=[RemovedObject("uid-of-cart", "deleted")]))
    assert await rows.services() == {"shop/payment", "shop/cart"}
    assert await rows.one("SELECT count(*) FROM statements") == 1


async def test_the_end_of_an_object_never_heard_of_changes_nothing(writer: GraphWriter, rows: Rows) -> None:
    before = await rows.addresses()
    done = await writer.commit(Batch(removed=[RemovedObject("uid-of-nobody", "deleted")]))
    assert (done.version, done.changed) == (0, False)
    assert await rows.addresses() == before


@pytest.mark.parametrize("told", [True, False])
async def test_an_object_made_again_under_its_name_replaces_the_old_one(
    writer: GraphWriter, rows: Rows, told: bool
) -> None:
    await writer.commit(Batch([declares("checkout", "cart", uid="old")]))
    end = [RemovedObject("old", "deleted")] if told else []
    done = await writer.commit(Batch([declares("checkout", "email", uid="new")], removed=end))
    assert done.stored == {"new": 2}
    assert [row["uid"] for row in await rows.of("SELECT uid FROM objects")] == ["new"]
    assert await rows.edges() == {("shop/checkout", "shop/email")}
    reason = "deleted" if told else "replaced"
    assert ("removed", "shop/checkout", "shop/cart", reason) in await rows.changes(since=1)


async def test_late_news_of_a_replaced_object_change_nothing(writer: GraphWriter, rows: Rows) -> None:
    await writer.commit(Batch([declares("checkout", "email", uid="new")]))
    done = await writer.commit(Batch([declares("checkout", "cart", uid="old", age=1)]))
    assert (done.changed, done.stored) == (False, {})
    assert await rows.edges() == {("shop/checkout", "shop/email")}


async def test_a_generation_that_cannot_be_accepted_leaves_what_the_last_good_one_said(
    writer: GraphWriter, rows: Rows
) -> None:
    await writer.commit(Batch([declares("checkout", "cart")]))
    done = await writer.commit(Batch(stalled=[stalls("checkout", generation=2)]))
    assert (done.version, done.changed, done.stored) == (1, False, {})
    assert await rows.edges() == {("shop/checkout", "shop/cart")}
    (row,) = await rows.of("SELECT generation, stored_version, problem FROM objects")
    assert row == {
        "generation": 2,
        "stored_version": 1,
        "problem": "InvalidSpec: spec.service.name is missing",
    }


async def test_a_good_generation_clears_the_problem(writer: GraphWriter, rows: Rows) -> None:
    await writer.commit(Batch([declares("payment")], [stalls("checkout")]))
    assert await rows.one("SELECT stored_version FROM objects WHERE name = 'checkout'") is None
    done = await writer.commit(Batch([declares("checkout", "cart", generation=2)]))
    assert done.stored == {"uid-of-checkout": 2}
    assert await rows.one("SELECT problem FROM objects WHERE name = 'checkout'") is None
    assert await rows.edges() == {("shop/checkout", "shop/cart")}


async def test_the_same_generation_accepted_at_last_is_stored_as_of_now(writer: GraphWriter) -> None:
    await writer.commit(Batch([declares("checkout", "cart")]))
    await writer.commit(Batch([declares("payment")], [stalls("checkout", generation=2)]))
    done = await writer.commit(Batch([declares("checkout", "cart", generation=2)]))
    assert (done.changed, done.stored) == (False, {"uid-of-checkout": 2})


async def test_a_problem_that_quotes_what_cannot_be_stored_is_stored_all_the_same(
    writer: GraphWriter, rows: Rows
) -> None:
    await writer.commit(Batch(stalled=[stalls("checkout", message="name holds \x00 and \ud800")]))
    assert await rows.one("SELECT problem FROM objects") == "InvalidSpec: name holds \\x00 and \\ud800"


@pytest.mark.parametrize(
    "bad",
    [
        calls(service("checkout"), ServiceKey("", "shop", "nul\x00", "Service")),
        calls(service("checkout"), ServiceKey("", "shop", "half\ud800", "Service")),
        calls(service("checkout"), "cart", details={"description": "nul\x00"}),
        calls(service("checkout"), "cart", details={"description": "half\ud800"}),
        calls(service("checkout"), "cart", details={"timeout": 2**80}),
    ],
    ids=["NUL in a name", "half a character in a name", "NUL", "half a character", "a number too large"],
)
async def test_a_value_that_postgres_refuses_stores_nothing_of_the_batch(
    writer: GraphWriter, rows: Rows, bad: Observation
) -> None:
    before = await rows.addresses()
    with pytest.raises(StoreRefused):
        await writer.commit(Batch([declares("payment", "cart"), declares("checkout", bad)]))
    assert await rows.addresses() == before
    assert (await writer.commit(Batch([declares("payment", "cart")]))).version == 1


async def test_two_facts_with_one_key_are_refused(writer: GraphWriter) -> None:
    twice = calls(service("checkout"), "cart")
    with pytest.raises(StoreRefused, match="duplicate key"):
        await writer.commit(Batch([declares("checkout", twice, replace(twice, protocol="SQL"))]))


async def test_names_are_compared_by_bytes_whatever_the_language_of_the_database(
    writer: GraphWriter, rows: Rows
) -> None:
    await writer.commit(Batch([declares("a", "A", "á", "a.b", "ä", "a-b")]))
    listed = [row["name"] for row in await rows.of("SELECT name FROM services ORDER BY name")]
    assert listed == sorted(listed)


async def test_writers_take_turns_and_each_makes_the_next_version(writer: GraphWriter, rows: Rows) -> None:
    done = await asyncio.gather(
        *(writer.commit(Batch([declares(f"s{n}", "shared")])) for n in range(8)),
        *(writer.commit(Batch([declares("same", "shared")])) for _ in range(8)),
    )
    assert sorted(one.version for one in done if one.changed) == list(range(1, 10))
    assert await rows.one("SELECT version FROM graph_meta") == 9
    assert await rows.one("SELECT count(*) FROM services") == 10


async def test_a_writer_of_a_past_term_writes_nothing(writer: GraphWriter, rows: Rows) -> None:
    await rows.run("UPDATE graph_meta SET epoch = 2")
    before = await rows.addresses()
    with pytest.raises(Deposed):
        await writer.commit(Batch([declares("checkout")]), epoch=1)
    assert await rows.addresses() == before
    assert (await writer.commit(Batch([declares("checkout")]), epoch=2)).changed


async def test_an_external_service_is_known_by_its_host_alone(writer: GraphWriter, rows: Rows) -> None:
    stripe = ServiceKey("", "", "api.stripe.com", "External")
    await writer.commit(Batch([declares("checkout", stripe)]))
    assert await rows.edges() == {("shop/checkout", "-/api.stripe.com:external")}


async def test_the_time_of_a_version_is_the_time_of_its_commit(
    writer: GraphWriter, rows: Rows, clock: SteppedClock
) -> None:
    clock.step(timedelta(hours=5))
    await writer.commit(Batch([declares("checkout")]))
    assert await rows.one("SELECT committed_at FROM graph_meta") == DAWN + timedelta(hours=5)
    assert await rows.one("SELECT at FROM changes") == DAWN + timedelta(hours=5)
