"""The lists of services and edges, and the single service."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest

from servicegraph.graph.columns import Node
from servicegraph.model.ids import parse_id
from support import shop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.reference import Fact
    from support.serving import Serving

SERVICES = "/api/v1/services"
EDGES = "/api/v1/edges"


def ids(page: Any) -> list[str]:
    return [item["id"] for item in page["items"]]


def ends(page: Any) -> list[tuple[str, str]]:
    return [(item["source"], item["target"]) for item in page["items"]]


async def pages(served: Serving, path: str) -> AsyncIterator[Any]:
    """All pages of a list, as a client would follow them."""
    page = await served.document(path)
    yield page
    while page["next_cursor"] is not None:
        page = await served.document(f"{path}&cursor={page['next_cursor']}")
        yield page


async def test_services_come_in_one_order_without_what_is_stale_or_quarantined(served: Serving) -> None:
    page = await served.document(SERVICES)
    assert set(page) == {"items", "next_cursor", "graph_version"}
    assert (page["next_cursor"], page["graph_version"]) == (None, 7)
    assert ids(page) == [
        "-/api.stripe.com:external",
        "infra/cache",
        "shop/cache:datastore",
        "shop/cache:queue",
        "shop/checkout",
        "shop/events:queue",
        "shop/frontend",
        "shop/orders:datastore",
        "shop/payment",
    ]
    assert page["items"][2] == {
        "id": "shop/cache:datastore",
        "cluster": "",
        "namespace": "shop",
        "name": "cache",
        "kind": "Datastore",
        "technology": "redis",
        "team": None,
        "criticality": None,
        "discovered": False,
    }


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("namespace=infra", ["infra/cache"]),
        ("namespace=-", ["-/api.stripe.com:external"]),
        ("q=CHE", ["infra/cache", "shop/cache:datastore", "shop/cache:queue", "shop/checkout"]),
        ("kind=queue", ["shop/cache:queue", "shop/events:queue"]),
        ("team=payments", ["shop/checkout", "shop/payment"]),
        ("namespace=shop&kind=Service&q=pay", ["shop/payment"]),
        ("team=nobody", []),
    ],
)
async def test_services_are_filtered(served: Serving, asked: str, found: list[str]) -> None:
    assert ids(await served.document(f"{SERVICES}?{asked}")) == found


@pytest.mark.parametrize("namespace", ["-", "infra", "shop", "shops", "sho"])
async def test_a_namespace_is_that_of_every_cluster(served: Serving, namespace: str) -> None:
    far = ["-/x.com:external@east", "infra/dns@east", "shop/a@west", "shops/a@west", "zoo/a@west"]
    nodes = [*shop.NODES, *(Node(parse_id(one), stated=True) for one in far)]
    served.reader.snapshot = shop.snapshot(shop.later(), facts=(), nodes=nodes)
    whole = ids(await served.document(SERVICES))
    found = ids(await served.document(f"{SERVICES}?namespace={namespace}"))
    assert found == [one for one in whole if one.startswith(f"{namespace}/")]


async def test_stale_and_quarantined_services_are_listed_on_request(served: Serving) -> None:
    assert "shop/legacy" in ids(await served.document(f"{SERVICES}?include_stale=true"))
    assert "-/unknown" in ids(await served.document(f"{SERVICES}?include_quarantined=true"))


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 9, 10])
async def test_pages_put_together_are_the_whole_list(served: Serving, limit: int) -> None:
    whole = ids(await served.document(SERVICES))
    parts = [ids(page) async for page in pages(served, f"{SERVICES}?limit={limit}")]
    assert list(chain(*parts)) == whole
    assert all(len(part) == limit for part in parts[:-1])
    assert 1 <= len(parts[-1]) <= limit


async def test_a_cursor_goes_on_in_a_graph_whose_services_have_gone(served: Serving) -> None:
    page = await served.document(f"{SERVICES}?limit=3")
    left = [node for node in shop.NODES if node.stated and str(node.key) > "shop/cache:queue"]
    served.reader.snapshot = shop.snapshot(shop.later(), facts=(), nodes=left)
    page = await served.document(f"{SERVICES}?limit=100&cursor={page['next_cursor']}")
    assert page["graph_version"] == 8
    assert ids(page) == sorted(str(node.key) for node in left)


async def test_one_service_has_what_is_said_about_it(served: Serving) -> None:
    assert await served.document(f"{SERVICES}/shop/checkout") == {
        "id": "shop/checkout",
        "cluster": "",
        "namespace": "shop",
        "name": "checkout",
        "kind": "Service",
        "technology": "go",
        "team": "payments",
        "criticality": "High",
        "discovered": False,
        "availability_target": "99.95",
        "labels": {"tier": "backend"},
        "graph_version": 7,
    }


async def test_a_service_without_kind_is_the_only_node_of_that_name(served: Serving) -> None:
    assert (await served.document(f"{SERVICES}/shop/orders"))["id"] == "shop/orders:datastore"
    assert (await served.document(f"{SERVICES}/shop/cache?kind=queue"))["id"] == "shop/cache:queue"
    assert (await served.get(f"{SERVICES}/shop/orders?kind=Service")).status == 404


async def test_edges_come_by_source_then_target(served: Serving) -> None:
    page = await served.document(EDGES)
    assert set(page) == {"items", "next_cursor", "graph_version"}
    assert ends(page) == [
        ("shop/checkout", "shop/cache:datastore"),
        ("shop/checkout", "shop/events:queue"),
        ("shop/checkout", "shop/orders:datastore"),
        ("shop/checkout", "shop/payment"),
        ("shop/frontend", "shop/checkout"),
        ("shop/payment", "-/api.stripe.com:external"),
        ("shop/payment", "shop/checkout"),
    ]
    assert set(page["items"][0]) == {
        "source", "target", "protocol", "mode", "requirement", "confidence", "providers", "stale", "in_cycle",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("namespace=-", [("shop/payment", "-/api.stripe.com:external")]),
        ("namespace=-&include_quarantined=true",
         [("-/unknown", "shop/frontend"), ("shop/payment", "-/api.stripe.com:external")]),
        ("namespace=nowhere", []),
        ("provider=otel", [("shop/frontend", "shop/checkout"), ("shop/payment", "shop/checkout")]),
        ("provider=otel&min_confidence=0.9", [("shop/frontend", "shop/checkout")]),
        ("mode=Async", [("shop/checkout", "shop/events:queue")]),
        ("provider=otel&include_stale=true&requirement=Soft",
         [("shop/frontend", "shop/legacy"), ("shop/payment", "shop/checkout")]),
    ],
)  # fmt: skip
async def test_edges_are_filtered(served: Serving, asked: str, found: list[tuple[str, str]]) -> None:
    assert ends(await served.document(f"{EDGES}?{asked}")) == found


async def test_an_edge_found_by_one_provider_shows_the_others_too(served: Serving) -> None:
    page = await served.document(f"{EDGES}?provider=otel&min_confidence=0.9")
    assert [provider["name"] for provider in page["items"][0]["providers"]] == ["declared", "otel"]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_pages_of_edges_put_together_are_all_edges(served: Serving, limit: int) -> None:
    whole = ends(await served.document(EDGES))
    parts = [ends(page) async for page in pages(served, f"{EDGES}?limit={limit}")]
    assert list(chain(*parts)) == whole


@pytest.mark.parametrize("gone", ["shop/payment", "shop/checkout"])
async def test_a_cursor_between_edges_survives_the_edge_it_stands_on(served: Serving, gone: str) -> None:
    """The first page ends at checkout → payment; then one of its ends vanishes, with all its edges."""
    whole = ends(await served.document(EDGES))
    page = await served.document(f"{EDGES}?limit=4")
    place = [str(node.key) for node in shop.NODES].index(gone)
    left: list[Fact] = [fact for fact in shop.FACTS if place not in fact[:2]]
    served.reader.snapshot = shop.snapshot(shop.later(), facts=left)
    rest = await served.document(f"{EDGES}?limit=100&cursor={page['next_cursor']}")
    assert ends(rest) == [edge for edge in whole[4:] if gone not in edge]
