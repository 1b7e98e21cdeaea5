"""`servicegraph cycles` against a real server, and the marks of circles in `servicegraph graph`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from servicegraph.cli.cycles import cycles, table
from servicegraph.cli.graph import graph
from servicegraph.graph.alerts import Alerts, News
from servicegraph.graph.columns import Node
from servicegraph.model.alert import Acknowledgement
from servicegraph.model.ports import Freshness
from support import shop
from support.alerting import BEGINNING
from support.circled import next_version, the_shop
from support.commands import run
from support.graphs import service, snapshot
from support.reference import Fact
from support.serving import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.serving import Serving

NAME = "cycle-c52932c080a4"
WAY = "shop/checkout → shop/payment → shop/checkout"
WAY_OUT = "shop/payment → shop/checkout"


@pytest.fixture
async def circled() -> AsyncIterator[Serving]:
    """The shop with its alert, over HTTP."""
    async with serving(the_shop()) as server:
        yield server


async def test_a_circle_is_a_line_with_its_path_and_the_way_out(circled: Serving) -> None:
    result = await run(cycles, circled)
    assert (result.exit_code, result.stderr) == (0, "")
    heads, line = result.stdout.splitlines()
    assert heads.split() == ["NAME", "STATE", "SEVERITY", "SERVICES", "PATH", "CUT", "SINCE"]
    assert line.startswith(f"{NAME}   Open    Warning    2          {WAY}   {WAY_OUT}   ")
    assert heads.index("PATH") == line.index(WAY)


def test_since_is_when_a_circle_was_resolved_once_it_is() -> None:
    item = {"name": NAME, "state": "Open", "severity": "Info", "member_count": 2, "path": WAY, "cut": WAY_OUT}
    times = {"opened_at": "2026-01-01T00:00:00Z", "resolved_at": None}
    now = datetime(2026, 1, 11, tzinfo=UTC)
    assert table([item | times], now)[0][-1] == "10d"
    over = {"state": "Resolved", "resolved_at": "2026-01-08T00:00:00Z"}
    assert table([item | times | over], now)[0][-1] == "3d"


async def test_json_is_the_items_of_all_pages() -> None:
    pairs = [Fact(at, at ^ 1) for at in range(2_004)]
    found, _ = next_version(pairs, [Node(service(at)) for at in range(2_004)])
    async with serving(found) as served:
        document = json.loads((await run(cycles, served, "--output", "json")).stdout)
        first = await served.document("/api/v1/cycles?limit=1000")
    assert document["graph_version"] == 7
    assert document["items"][:1000] == first["items"]
    assert [item["name"] for item in document["items"]] == [alert.name for alert in found.alerts]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--state", "open"], 1),
        (["--state", "Resolved"], 0),
        (["--severity", "Warning"], 1),
        (["--severity", "Critical", "--state", "Open"], 0),
    ],
)
async def test_circles_are_filtered(circled: Serving, words: list[str], found: int) -> None:
    result = await run(cycles, circled, *words, "-o", "json")
    assert len(json.loads(result.stdout)["items"]) == found


async def test_no_circle_is_said_beside_an_empty_list() -> None:
    async with serving(snapshot([])) as served:
        result = await run(cycles, served)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "No circle is known.\n")


async def test_an_unknown_state_is_exit_status_2(circled: Serving) -> None:
    result = await run(cycles, circled, "--state", "NotOpen")
    assert result.exit_code == 2
    assert "Open" in result.stderr


async def test_a_graph_that_lags_behind_says_how_old_it_is(circled: Serving) -> None:
    circled.reader.fresh = Freshness(stale=True, age=42.0)
    result = await run(cycles, circled)
    assert NAME in result.stdout
    assert "42 s" in result.stderr


async def test_what_somebody_has_to_look_at_comes_first_and_the_worst_of_it() -> None:
    facts = [
        *(Fact(0, 1), Fact(1, 0)),
        *(Fact(2, 3, requirement=1), Fact(3, 2)),
        *(Fact(4, 5, mode=2), Fact(5, 4)),
        *(Fact(6, 7), Fact(7, 6)),
    ]
    nodes = [Node(service(at)) for at in range(8)]
    _, opened = next_version(facts, nodes)
    known = next(name for name, one in opened.alerts.by_name.items() if one.members[0] == service(6))
    news = News({known: Acknowledgement(2, "known")})
    found, _ = next_version(facts, nodes, Alerts.of(opened.alerts.by_name.values()), shop.later(), news)
    async with serving(found) as served:
        items = (await served.document("/api/v1/cycles"))["items"]
    rows = table(items, BEGINNING + timedelta(days=3))
    assert [row[1:3] for row in rows] == [
        ["Open", "Critical"],
        ["Open", "Warning"],
        ["Open", "Info"],
        ["Acknowledged", "Critical"],
    ]
    assert {row[-1] for row in rows} == {"3d"}


async def test_the_tree_marks_the_calls_of_a_circle_and_names_its_alert(circled: Serving) -> None:
    result = await run(graph, circled, "shop/frontend")
    assert result.stdout == (
        "shop/frontend depends on\n"
        "└── shop/checkout  gRPC · Hard\n"
        "    ├── shop/cache:datastore  api, confidence 0.90\n"
        "    ├── shop/events:queue  Soft · Async\n"
        "    ├── shop/orders:datastore  SQL · Hard\n"
        "    └── shop/payment  gRPC · Hard  ↺\n"
        "        ├── -/api.stripe.com:external  HTTP · Hard\n"
        "        └── shop/checkout  discovered, confidence 0.85  ↺ a circle, back to above\n"
        f"↺ in a circle: {NAME}  (servicegraph cycles)\n"
    )
