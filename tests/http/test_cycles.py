"""The circles over HTTP: the list, one with its history, and the marks of circles in subgraphs and pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from servicegraph.errors import StoreUnavailable
from servicegraph.graph.alerts import Alerts, News
from servicegraph.graph.columns import Node
from servicegraph.model.alert import Acknowledgement, TransitionRecord
from servicegraph_api import patience
from support import shop
from support.alerting import BEGINNING
from support.circled import next_version, the_shop
from support.graphs import service
from support.reference import Fact
from support.serving import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.serving import Serving

CYCLES = "/api/v1/cycles"
NAME = "cycle-c52932c080a4"
CHECKOUT = "/api/v1/services/shop/checkout/dependencies"


@pytest.fixture
async def circled() -> AsyncIterator[Serving]:
    """The shop with its alert, over HTTP."""
    async with serving(the_shop()) as server:
        yield server


def rings(*sizes: int) -> list[Fact]:
    """Circles of so many services each, side by side; the members of a circle are numbered in a row."""
    facts, begin = [], 0
    for size in sizes:
        facts += [Fact(begin + at, begin + (at + 1) % size) for at in range(size)]
        begin += size
    return facts


def numbered(count: int) -> list[Node]:
    return [Node(service(at), stated=True) for at in range(count)]


async def test_an_item_says_what_the_circle_is_how_bad_and_how_to_get_out(circled: Serving) -> None:
    page = await circled.document(CYCLES)
    assert set(page) == {"items", "next_cursor", "graph_version"}
    assert (page["next_cursor"], page["graph_version"]) == (None, 7)
    (item,) = page["items"]
    edges = item.pop("edges")
    assert item == {
        "name": NAME,
        "state": "Open",
        "reason": "NotAcknowledged",
        "severity": "Warning",
        "member_count": 2,
        "members": ["shop/checkout", "shop/payment"],
        "truncated": False,
        "witness": ["shop/checkout", "shop/payment", "shop/checkout"],
        "path": "shop/checkout → shop/payment → shop/checkout",
        "suggested_cuts": [
            {"source": "shop/payment", "target": "shop/checkout", "reason": "unknown requirement"}
        ],
        "cut": "shop/payment → shop/checkout",
        "acknowledgement": None,
        "acknowledged": None,
        "opened_at": "2026-01-01T00:00:00Z",
        "resolved_at": None,
        "merged_into": None,
        "split_from": None,
    }
    listed = (await circled.document("/api/v1/edges"))["items"]
    assert edges == [edge for edge in listed if edge["in_cycle"]]
    assert [(edge["source"], edge["target"]) for edge in edges] == [
        ("shop/checkout", "shop/payment"),
        ("shop/payment", "shop/checkout"),
    ]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("", 1),
        ("?state=open", 1),
        ("?state=Acknowledged", 0),
        ("?state=Resolved", 0),
        ("?severity=Warning", 1),
        ("?severity=critical", 0),
        ("?state=Open&severity=Warning", 1),
        ("?state=Open&severity=Info", 0),
    ],
)
async def test_circles_are_filtered_by_state_and_severity(circled: Serving, asked: str, found: int) -> None:
    assert len((await circled.document(f"{CYCLES}{asked}"))["items"]) == found


@pytest.mark.parametrize(
    ("asked", "takes"),
    [
        ("state=NotOpen", "Open, Acknowledged, Resolved"),
        ("severity=High", "Critical, Warning, Info"),
        ("limit=0", "a whole number from 1 to 1000"),
        ("namespace=shop", "it takes state, severity, limit, cursor"),
    ],
)
async def test_what_cannot_be_asked_is_told_with_what_can(circled: Serving, asked: str, takes: str) -> None:
    reply = await circled.get(f"{CYCLES}?{asked}")
    assert reply.status == 400
    assert takes in reply.detail


async def test_pages_show_every_circle_once_in_the_order_of_names() -> None:
    graph, _ = next_version(rings(2, 3, 2, 4, 2), numbered(13))
    async with serving(graph) as server:
        found: list[dict[str, Any]] = []
        path = f"{CYCLES}?limit=2"
        page = await server.document(path)
        found += page["items"]
        while page["next_cursor"]:
            page = await server.document(f"{path}&cursor={page['next_cursor']}")
            assert 1 <= len(page["items"]) <= 2
            found += page["items"]
    assert [item["name"] for item in found] == [alert.name for alert in graph.alerts]
    assert sorted(item["member_count"] for item in found) == [2, 2, 2, 3, 4]


async def test_a_page_of_large_circles_ends_early_and_the_next_goes_on() -> None:
    graph, _ = next_version(rings(*[50] * 150), numbered(7_500))
    async with serving(graph) as server:
        first = await server.document(f"{CYCLES}?limit=1000")
        second = await server.document(f"{CYCLES}?limit=1000&cursor={first['next_cursor']}")
    assert len(first["items"]) == 101
    assert second["next_cursor"] is None
    names = [item["name"] for item in first["items"] + second["items"]]
    assert names == [alert.name for alert in graph.alerts]


async def test_a_cursor_of_another_list_is_refused(circled: Serving) -> None:
    for path in ("/api/v1/services?limit=1", "/api/v1/edges?limit=1"):
        cursor = (await circled.document(path))["next_cursor"]
        reply = await circled.get(f"{CYCLES}?cursor={cursor}")
        assert reply.status == 400
        assert "next_cursor" in reply.detail


async def test_a_resolved_circle_is_listed_with_the_members_it_had() -> None:
    _, opened = next_version(shop.FACTS)
    straight = [fact for fact in shop.FACTS if fact != shop.edge("shop/payment", "shop/checkout", shop.SEEN)]
    graph, _ = next_version(straight, before=opened.alerts, mark=shop.later())
    async with serving(graph) as server:
        (item,) = (await server.document(f"{CYCLES}?state=resolved"))["items"]
        assert item["members"] == ["shop/checkout", "shop/payment"]
        assert (item["state"], item["reason"]) == ("Resolved", "NoCircleLeft")
        assert item["resolved_at"] is not None
        assert item["edges"] == []
        assert (await server.document(CHECKOUT))["cycles"] == []


async def test_an_acknowledgement_is_shown_with_whom_it_covers() -> None:
    _, opened = next_version(shop.FACTS)
    said = Acknowledgement(2, "split planned", by="ana", until=BEGINNING.replace(year=2027))
    graph, _ = next_version(
        shop.FACTS,
        before=Alerts.of(opened.alerts.by_name.values()),
        mark=shop.later(),
        news=News({NAME: said}),
    )
    async with serving(graph) as server:
        (item,) = (await server.document(f"{CYCLES}?state=Acknowledged"))["items"]
    assert item["reason"] == "AcknowledgedOnAlert"
    assert item["acknowledgement"] == {
        "by": "ana",
        "reason": "split planned",
        "until": "2027-01-01T00:00:00Z",
    }
    assert item["acknowledged"] == {
        "generation": 2,
        "member_count": 2,
        "members_hash": NAME.removeprefix("cycle-"),
    }


async def test_one_circle_comes_with_what_happened_to_it_up_to_the_version_that_is_shown() -> None:
    graph, changed = next_version(shop.FACTS)
    (first,) = changed.transitions
    later = replace(first, version=8, message="of a version that is not loaded yet")
    async with serving(graph) as server:
        server.history.told = [TransitionRecord(one, BEGINNING, announced=False) for one in (first, later)]
        told = await server.document(f"{CYCLES}/{NAME}")
        (item,) = (await server.document(CYCLES))["items"]
    assert told == {
        **item,
        "transitions": [
            {
                "graph_version": 7,
                "at": "2026-01-01T00:00:00Z",
                "kind": "CycleOpened",
                "reason": "NewCircle",
                "message": first.message,
            }
        ],
        "graph_version": 7,
    }


async def test_without_postgres_only_the_history_of_a_circle_is_away(circled: Serving) -> None:
    circled.history.problem = StoreUnavailable("Postgres does not answer")
    reply = await circled.get(f"{CYCLES}/{NAME}")
    assert reply.status == 503
    assert reply.headers["Retry-After"]
    assert reply.detail == "Postgres does not answer"
    assert len((await circled.document(CYCLES))["items"]) == 1
    circled.history.problem = None
    assert (await circled.document(f"{CYCLES}/{NAME}"))["name"] == NAME


async def test_a_postgres_that_hangs_is_not_waited_for(
    circled: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "SECONDS", 0.01)
    circled.history.hangs = True
    reply = await circled.get(f"{CYCLES}/{NAME}")
    assert reply.status == 503
    assert reply.detail.startswith("Postgres does not answer")


@pytest.mark.parametrize("name", ["cycle-000000000000", "cycle-ffffffffffff-2", "a", "%00", "x" * 5_000])
async def test_a_circle_that_is_unknown_is_not_found(circled: Serving, name: str) -> None:
    reply = await circled.get(f"{CYCLES}/{name}")
    assert reply.status == 404
    assert reply.detail.startswith("no cycle ")
    assert len(reply.detail) < 200


async def test_who_has_the_circle_gets_304(circled: Serving) -> None:
    for path in (CYCLES, f"{CYCLES}/{NAME}"):
        known = (await circled.get(path)).headers["ETag"]
        reply = await circled.get(path, If_None_Match=known)
        assert (reply.status, reply.body) == (304, b"")


async def test_a_large_circle_is_cut_in_lists_and_whole_by_itself() -> None:
    graph, _ = next_version(rings(60), numbered(60))
    async with serving(graph) as server:
        (item,) = (await server.document(CYCLES))["items"]
        whole = await server.document(f"{CYCLES}/{item['name']}")
    assert item["truncated"] is True
    assert item["member_count"] == 60
    assert [len(item["members"]), len(item["edges"]), len(item["witness"])] == [50, 50, 51]
    assert item["path"].count(" → ") == 7
    assert whole["truncated"] is False
    assert [len(whole["members"]), len(whole["edges"]), len(whole["witness"])] == [60, 60, 61]


async def test_a_subgraph_marks_the_edges_of_circles_and_names_their_alerts(circled: Serving) -> None:
    answer = await circled.document(CHECKOUT)
    assert answer["cycles"] == [NAME]
    marked = {(edge["source"], edge["target"]) for edge in answer["edges"] if edge["in_cycle"]}
    assert marked == {("shop/checkout", "shop/payment"), ("shop/payment", "shop/checkout")}


async def test_a_subgraph_names_no_alert_that_none_of_its_edges_belongs_to(circled: Serving) -> None:
    beyond = await circled.document("/api/v1/services/shop/frontend/dependencies?depth=1")
    assert [node["id"] for node in beyond["nodes"]] == ["shop/frontend", "shop/checkout"]
    assert beyond["cycles"] == []
    assert not any(edge["in_cycle"] for edge in beyond["edges"])


async def test_a_piece_of_a_circle_names_its_alert_too() -> None:
    graph, _ = next_version(rings(4, 2), numbered(6))
    async with serving(graph) as server:
        answer = await server.document("/api/v1/services/shop/s0000/dependencies?depth=1")
    of_four = next(alert for alert in graph.alerts if len(alert.members) == 4)
    assert answer["cycles"] == [of_four.name]
    assert [edge["in_cycle"] for edge in answer["edges"]] == [True]


async def test_pictures_draw_the_edges_of_circles_red(circled: Serving) -> None:
    mermaid = (await circled.get(f"{CHECKOUT}?format=mermaid")).body.decode()
    assert mermaid.count("stroke:red") == 2
    dot = (await circled.get(f"{CHECKOUT}?format=dot")).body.decode()
    assert dot.count("color=red") == 2
    frontend = "/api/v1/services/shop/frontend/dependencies?depth=1&format=dot"
    assert "red" not in (await circled.get(frontend)).body.decode()
