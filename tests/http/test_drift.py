"""Drift over HTTP: what is declared held against what is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from servicegraph.graph.columns import NO_OBJECT, Node, ObjectName
from servicegraph.graph.snapshot import build
from servicegraph.model.ids import parse_id
from support import shop
from support.graphs import MARK, PROTOCOLS, PROVIDERS, columns
from support.shop import DECLARED, SEEN

if TYPE_CHECKING:
    from support.serving import Serving

DRIFT = "/api/v1/drift"


def ends(edges: list[Any]) -> list[tuple[str, str]]:
    return [(one["source"], one["target"]) for one in edges]


async def test_drift_tells_edges_apart_by_who_says_that_they_exist(served: Serving) -> None:
    found = await served.document(DRIFT)
    assert list(found) == [
        "declared_only", "observed_only", "both", "swapped", "near_misses", "declared_in", "truncated",
        "warnings", "graph_version",
    ]  # fmt: skip
    assert ends(found["declared_only"]) == [
        ("shop/checkout", "shop/orders:datastore"),
        ("shop/payment", "-/api.stripe.com:external"),
    ]
    assert found["observed_only"] == []
    assert ends(found["both"]) == [("shop/frontend", "shop/checkout")]
    (swapped,) = found["swapped"]
    assert set(swapped) == {"declared", "observed"}
    assert ends([swapped["declared"], swapped["observed"]]) == [
        ("shop/checkout", "shop/payment"),
        ("shop/payment", "shop/checkout"),
    ]
    assert (found["truncated"], found["warnings"], found["graph_version"]) == (False, [], 7)


async def test_its_edges_are_those_of_the_list_of_edges(served: Serving) -> None:
    everywhere = (await served.document("/api/v1/edges"))["items"]
    found = await served.document(DRIFT)
    assert all(one in everywhere for one in found["declared_only"] + found["both"])


@pytest.mark.parametrize(
    ("asked", "declared_only", "both"),
    [
        ("namespace=-", [("shop/payment", "-/api.stripe.com:external")], []),
        ("team=web", [], [("shop/frontend", "shop/checkout")]),
        ("team=web&namespace=infra", [], []),
    ],
)
async def test_drift_is_that_of_a_namespace_or_team_at_either_end(
    served: Serving, asked: str, declared_only: list[tuple[str, str]], both: list[tuple[str, str]]
) -> None:
    found = await served.document(f"{DRIFT}?{asked}")
    assert ends(found["declared_only"]) == declared_only
    assert ends(found["both"]) == both


async def test_an_undeclared_call_names_the_objects_of_its_caller_and_a_name_that_is_near(
    served: Serving,
) -> None:
    nodes = [*shop.NODES, Node(parse_id("shop/payments"))]
    place = {str(node.key): at for at, node in enumerate(nodes)}
    call = SEEN._replace(source=place["shop/checkout"], target=place["shop/payments"])
    facts = [*shop.FACTS, call, shop.edge("shop/checkout", "infra/cache", DECLARED._replace(rank=1))]
    objects = [NO_OBJECT, ObjectName("shop", "checkout")]
    served.reader.snapshot = build(shop.later(), nodes, PROVIDERS, PROTOCOLS, columns(facts), objects=objects)
    found = await served.document(f"{DRIFT}?namespace=shop")
    assert ends(found["observed_only"]) == [("shop/checkout", "shop/payments")]
    assert found["declared_in"] == {"shop/checkout": ["shop/checkout"]}
    assert found["near_misses"] == [{"id": "shop/payments", "candidates": ["shop/payment"]}]


async def test_without_telemetry_drift_says_that_nothing_can_be_judged(served: Serving) -> None:
    served.reader.snapshot = build(
        MARK,
        shop.NODES,
        PROVIDERS[:3],
        PROTOCOLS,
        columns([shop.edge("shop/frontend", "shop/payment", DECLARED)]),
    )
    found = await served.document(DRIFT)
    assert found["declared_only"] == []
    (warning,) = found["warnings"]
    assert "no source of telemetry" in warning
