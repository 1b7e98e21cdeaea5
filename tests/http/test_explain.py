"""Why an edge is there or not, and how the providers fare: a real server over what a real Postgres holds."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from servicegraph.clock import SteppedClock
from servicegraph.errors import StoreUnavailable
from servicegraph.ingest.batch import Batch
from servicegraph.ingest.commit import GraphWriter
from servicegraph.model.ids import ServiceKey
from servicegraph.model.observation import RemovedObject
from servicegraph.store.engine import open_engine
from servicegraph.store.records import StoredRecords
from servicegraph.store.snapshot import load
from servicegraph_api import patience
from support import shop
from support.declared import calls, declares, service, stalls
from support.rows import Rows
from support.seen import QUERY, shows, source_of_telemetry
from support.serving import HeldRecords, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncEngine

    from support.serving import Serving

PROVIDERS = "/api/v1/providers"


def explain(source: str, target: str) -> str:
    return f"/api/v1/edges/explain?source={source}&target={target}"


class Stored:
    """A database, its writer, and a server that answers from it."""

    def __init__(self, engine: AsyncEngine, server: Serving) -> None:
        self._engine = engine
        self._server = server
        self.clock = SteppedClock()
        self.writer = GraphWriter(engine, self.clock)
        self.rows = Rows(engine)

    async def asked(self, path: str) -> Any:
        """The JSON of a 200, from the graph as it is now."""
        return await (await self.server()).document(path)

    async def server(self) -> Serving:
        """The server, with the graph as it is now."""
        self._server.reader.snapshot = await load(self._engine)
        return self._server


@pytest.fixture
async def stored(database: str) -> AsyncIterator[Stored]:
    """An empty graph, served."""
    engine = open_engine(database, pool_size=5)
    async with serving(None, StoredRecords(engine)) as server:
        yield Stored(engine, server)
    await engine.dispose()


async def test_an_edge_is_explained_by_every_word_about_it(stored: Stored) -> None:
    edge = calls(service("checkout"), "payment", details={"timeout": "3s"})
    await stored.writer.commit(Batch([declares("checkout", edge, generation=3)]))
    await source_of_telemetry(stored.rows)
    rules = ["namespace from its label"]
    await shows(stored.rows, "shop/checkout", "shop/payment", rules=rules)
    found = await stored.asked(explain("shop/checkout", "shop/payment"))
    (edge_of_list,) = (await stored.asked("/api/v1/edges"))["items"]
    same = ("source", "target", "confidence", "protocol", "mode", "requirement", "stale")
    assert {name: found[name] for name in same} == {name: edge_of_list[name] for name in same}
    assert (found["exists"], found["quarantined"], found["graph_version"]) == (True, False, 1)
    assert (found["rules"], found["query"], found["removed"]) == (rules, QUERY, [])
    declared, seen = found["providers"]
    checkout = {"namespace": "shop", "name": "checkout", "generation": 3, "problem": None}
    assert (declared["name"], declared["object"]) == ("declared", checkout)
    assert declared["details"] == {"timeout": "3s"}
    assert found["objects"] == [checkout]
    assert (seen["name"], seen["raw"]) == ("otel", {"client": "checkout", "server": "payment"})
    assert (seen["evidence"], seen["weight"], seen["counts"], seen["present"]) == (
        "both ends",
        0.85,
        True,
        True,
    )
    since = edge_of_list["providers"][1]["first_seen"]
    assert seen["first_seen"] == since
    told = "\n".join(found["reasons"])
    assert "ServiceDependency shop/checkout, generation 3, declares it" in told
    assert "otel shows calls of checkout to payment since" in told
    assert "confidence 0.9925 = 1 - (1 - 0.95) * (1 - 0.85)" in told


async def test_doubts_are_told_with_what_they_cost(stored: Stored) -> None:
    await source_of_telemetry(stored.rows, healthy_seconds=200 * 3600.0)
    gone = stored.clock.now()
    await shows(
        stored.rows,
        "shop/a",
        "shop/b",
        stale=True,
        alertable=False,
        absent_since=0.0,
        last_seen=gone,
    )
    await shows(stored.rows, "shop/a", "shop/c", confirmed=False, alertable=False)
    stale = await stored.asked(explain("shop/a", "shop/b"))
    assert (stale["exists"], stale["stale"], stale["confidence"]) == (True, True, 0.425)
    assert stale["providers"][0]["present"] is False
    assert any("not seen for 200 h in which its source was healthy" in one for one in stale["reasons"])
    fresh = await stored.asked(explain("shop/a", "shop/c"))
    assert fresh["confidence"] == 0.425
    assert any("halved while only one poll has shown it" in one for one in fresh["reasons"])
    assert any("raises no alert" in one for one in fresh["reasons"])


async def test_an_edge_in_quarantine_is_explained_and_hinted_at(stored: Stored) -> None:
    await source_of_telemetry(stored.rows)
    await stored.writer.commit(Batch([declares("checkout", "payment")]))
    await shows(stored.rows, "shop/checkout", "-/unknown", quarantined=True)
    found = await stored.asked(explain("shop/checkout", "-/unknown"))
    assert (found["exists"], found["quarantined"]) == (True, True)
    assert any("include_quarantined=true" in one for one in found["reasons"])
    unseen = await stored.asked(explain("shop/checkout", "shop/payment"))
    assert any("in quarantine stands shop/checkout → -/unknown" in one for one in unseen["reasons"])


async def test_an_edge_that_is_declared_no_more_says_since_when(stored: Stored) -> None:
    await stored.writer.commit(Batch([declares("checkout", "payment", "cart")]))
    stored.clock.step(timedelta(hours=1))
    await stored.writer.commit(Batch([declares("checkout", "cart", generation=2)]))
    found = await stored.asked(explain("shop/checkout", "shop/payment"))
    assert (found["exists"], found["confidence"], found["providers"]) == (False, None, [])
    (removed,) = found["removed"]
    assert (removed["version"], removed["provider"], removed["object"]) == (2, "declared", "shop/checkout")
    told = found["reasons"]
    assert told[0] == "nothing says that shop/checkout calls shop/payment"
    assert "ServiceDependency shop/checkout declared it until version 2" in told[1]
    assert "nothing names shop/payment any more" in told
    assert (
        "ServiceDependency shop/checkout, generation 2, is about shop/checkout and does not declare it"
        in told
    )


async def test_an_edge_whose_object_is_gone_is_explained_though_nothing_names_its_ends(
    stored: Stored,
) -> None:
    await stored.writer.commit(Batch([declares("checkout", "payment")]))
    await stored.writer.commit(Batch(removed=[RemovedObject("uid-of-checkout", "deleted")]))
    found = await stored.asked(explain("shop/checkout", "shop/payment"))
    assert found["exists"] is False
    assert any("that object was deleted" in one for one in found["reasons"])
    assert "no ServiceDependency is about shop/checkout" in found["reasons"]


async def test_a_generation_that_is_not_accepted_is_told(stored: Stored) -> None:
    await stored.writer.commit(Batch([declares("checkout", "cart")]))
    await stored.writer.commit(Batch(stalled=[stalls("checkout", generation=2)]))
    found = await stored.asked(explain("shop/checkout", "shop/cart"))
    assert "newest generation is not accepted" in found["reasons"][0]
    assert "spec.service.name is missing" in found["objects"][0]["problem"]


async def test_the_other_direction_and_names_that_are_near_are_told(stored: Stored) -> None:
    await stored.writer.commit(Batch([declares("checkout", "payment"), declares("mail")]))
    await source_of_telemetry(stored.rows)
    await shows(stored.rows, "shop/payment", "shop/checkout")
    await shows(stored.rows, "shop/checkout", "shop/payment-service")
    found = await stored.asked(explain("shop/checkout", "shop/payment"))
    told = found["reasons"]
    assert "the other way round there is shop/payment → shop/checkout, observed: swapped?" in told
    assert "shop/checkout does call shop/payment-service: is that what is meant?" in told
    assert found["near_misses"] == ["shop/payment-service"]
    nothing = await stored.asked(explain("shop/mail", "shop/checkout"))
    assert nothing["reasons"][0] == "nothing says that shop/mail calls shop/checkout"


async def test_a_source_that_is_unwell_is_named_with_what_is_wrong(stored: Stored) -> None:
    await stored.writer.commit(Batch([declares("checkout", "payment")]))
    await source_of_telemetry(
        stored.rows,
        health="Refused: 401, the token is wrong",
        last_attempt_at=stored.clock.now(),
        last_edges=7,
        sees=["Service", "Datastore"],
        polls=json.dumps([{"edges": 7}]),
    )
    told = (await stored.asked(explain("shop/checkout", "shop/payment")))["reasons"]
    assert told[-1].startswith("otel is unwell, never good so far")
    assert told[-1].endswith("Refused: 401, the token is wrong")
    page = await stored.asked(PROVIDERS)
    assert (page["next_cursor"], page["graph_version"]) == (None, 1)
    declared, otel = page["items"]
    assert (declared["name"], declared["healthy"], declared["last_poll"]) == ("declared", True, None)
    assert declared["healthy_seconds"] is None
    assert (otel["name"], otel["preset"], otel["healthy"]) == ("otel", "OTelCollector", False)
    assert (otel["reason"], otel["healthy_seconds"]) == ("Refused: 401, the token is wrong", 3600.0)
    assert otel["last_poll"]["edges"] == 7
    assert (otel["sees"], otel["polls"]) == (["Service", "Datastore"], [{"edges": 7}])


async def test_ids_may_leave_out_the_kind_where_it_is_clear(stored: Stored) -> None:
    orders = ServiceKey("", "shop", "orders", "Datastore")
    twins = [ServiceKey("", "shop", "cache", kind) for kind in ("Datastore", "Queue")]
    await stored.writer.commit(Batch([declares("checkout", orders, *twins)]))
    found = await stored.asked(explain("shop/checkout", "shop/orders"))
    assert (found["target"], found["exists"]) == ("shop/orders:datastore", True)
    reply = await (await stored.server()).get(explain("shop/checkout", "shop/cache"))
    assert reply.status == 404
    assert "of that name there is" in reply.detail
    assert reply.json["candidates"] == ["shop/cache:datastore", "shop/cache:queue"]
    assert (await stored.asked(explain("shop/checkout", "shop/cache:queue")))["exists"]


async def test_a_service_that_was_never_heard_of_is_404_with_who_may_be_meant(stored: Stored) -> None:
    await stored.writer.commit(Batch([declares("checkout", "payment"), declares("payment")]))
    reply = await (await stored.server()).get(explain("shop/checkout", "shop/paymnet"))
    assert reply.status == 404
    assert "did you mean shop/payment?" in reply.detail
    assert reply.json["near_misses"] == ["shop/payment"]


async def test_an_explanation_is_the_same_until_something_is_said_otherwise(stored: Stored) -> None:
    """Health makes no version, and yet another answer."""
    await stored.writer.commit(Batch([declares("checkout", "payment")]))
    await source_of_telemetry(stored.rows)
    server = await stored.server()
    for path in (explain("shop/checkout", "shop/payment"), PROVIDERS):
        await stored.rows.run("UPDATE providers SET health = NULL")
        first = await server.get(path)
        known = {"If_None_Match": first.headers["ETag"]}
        assert (await server.get(path, **known)).status == 304
        await stored.rows.run("UPDATE providers SET health = 'TimedOut: no answer' WHERE name = 'otel'")
        second = await server.get(path, **known)
        assert (second.status, second.headers["X-Graph-Version"]) == (200, "1")


async def test_a_newer_version_in_postgres_than_in_memory_is_named(stored: Stored) -> None:
    await stored.writer.commit(Batch([declares("checkout", "payment")]))
    server = await stored.server()
    await stored.writer.commit(Batch([declares("checkout", "payment", "cart", generation=2)]))
    reply = await server.get(explain("shop/checkout", "shop/payment"))
    assert (reply.headers["X-Graph-Version"], reply.json["graph_version"]) == ("2", 2)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/api/v1/edges/explain", "source= is missing; it takes the id of a service"),
        ("/api/v1/edges/explain?source=shop/checkout", "target= is missing"),
        (
            explain("checkout", "shop/payment"),
            "source='checkout' cannot be used; it takes the id of a service",
        ),
        (explain("shop/checkout", "shop/payment:pod"), "target='shop/payment:pod' cannot be used"),
        (f"{PROVIDERS}?limit=3", "unknown parameter 'limit'"),
    ],
)
async def test_what_is_missing_or_no_id_is_said(path: str, says: str) -> None:
    async with serving(shop.snapshot()) as server:
        reply = await server.get(path)
    assert reply.status == 400
    assert reply.detail.startswith(says)


@pytest.mark.parametrize("path", [explain("shop/checkout", "shop/payment"), PROVIDERS])
async def test_without_postgres_the_answer_is_503_and_says_when_to_come_back(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "SECONDS", 0.01)
    records = HeldRecords(problem=StoreUnavailable("Postgres cannot be reached"))
    async with serving(shop.snapshot(), records) as server:
        away = await server.get(path)
        records.problem, records.hangs = None, True
        hanging = await server.get(path)
    assert (away.status, away.detail) == (503, "Postgres cannot be reached")
    assert (hanging.status, hanging.detail) == (503, "Postgres does not answer; ask again in a moment")
    assert {reply.headers["Retry-After"] for reply in (away, hanging)} == {"1"}
