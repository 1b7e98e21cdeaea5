"""The subgraph around a service: its shape, its parameters, its formats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from servicegraph.graph.columns import Node
from servicegraph.model.ids import parse_id
from support import graphs, shop
from support.reference import Fact
from support.serving import serving

if TYPE_CHECKING:
    from support.serving import Serving

CHECKOUT = "/api/v1/services/shop/checkout/dependencies"
FRONTEND = "/api/v1/services/shop/frontend/dependencies"


def ends(document: Any) -> list[tuple[str, str]]:
    return [(edge["source"], edge["target"]) for edge in document["edges"]]


def distances(document: Any) -> dict[str, int]:
    return {node["id"]: node["distance"] for node in document["nodes"]}


async def test_a_subgraph_has_exactly_the_fields_of_the_contract(served: Serving) -> None:
    document = await served.document(f"{FRONTEND}?depth=1")
    assert document == {
        "root": "shop/frontend",
        "direction": "downstream",
        "depth": 1,
        "graph_version": 7,
        "as_of": "2026-01-01T00:00:00Z",
        "truncated": False,
        "nodes": [
            {
                "id": "shop/frontend",
                "cluster": "",
                "namespace": "shop",
                "name": "frontend",
                "kind": "Service",
                "technology": None,
                "team": "web",
                "criticality": None,
                "discovered": False,
                "distance": 0,
            },
            {
                "id": "shop/checkout",
                "cluster": "",
                "namespace": "shop",
                "name": "checkout",
                "kind": "Service",
                "technology": "go",
                "team": "payments",
                "criticality": "High",
                "discovered": False,
                "distance": 1,
            },
        ],
        "edges": [
            {
                "source": "shop/frontend",
                "target": "shop/checkout",
                "protocol": "gRPC",
                "mode": "Sync",
                "requirement": "Hard",
                "confidence": 0.9925,
                "providers": [
                    {
                        "name": "declared",
                        "first_seen": "1970-01-01T00:00:01Z",
                        "present": True,
                        "last_seen": None,
                    },
                    {
                        "name": "otel",
                        "first_seen": "1970-01-01T00:00:01Z",
                        "present": True,
                        "last_seen": None,
                    },
                ],
                "stale": False,
                "in_cycle": False,
            }
        ],
        "cycles": [],
        "warnings": [],
    }


async def test_downstream_goes_three_hops_by_default_and_names_every_distance(served: Serving) -> None:
    document = await served.document(FRONTEND)
    assert document["depth"] == 3
    assert distances(document) == {
        "shop/frontend": 0,
        "shop/checkout": 1,
        "shop/cache:datastore": 2,
        "shop/events:queue": 2,
        "shop/orders:datastore": 2,
        "shop/payment": 2,
        "-/api.stripe.com:external": 3,
    }
    assert ("shop/payment", "shop/checkout") in ends(document)


@pytest.mark.parametrize("word", ["upstream", "dependents", "UPSTREAM"])
async def test_upstream_lists_who_depends_on_the_service(served: Serving, word: str) -> None:
    path = "/api/v1/services/shop/orders/dependencies"
    document = await served.document(f"{path}?direction={word}&depth=2")
    assert document["direction"] == "upstream"
    assert distances(document) == {
        "shop/orders:datastore": 0,
        "shop/checkout": 1,
        "shop/frontend": 2,
        "shop/payment": 2,
    }


async def test_both_is_downstream_and_upstream_together(served: Serving) -> None:
    document = await served.document(f"{CHECKOUT}?direction=both&depth=1")
    assert document["direction"] == "both"
    assert set(distances(document).values()) == {0, 1}
    assert {"shop/frontend", "shop/payment", "shop/orders:datastore"} <= set(distances(document))


async def test_what_nobody_says_is_null(served: Serving) -> None:
    document = await served.document(f"{CHECKOUT}?depth=1&provider=api:ci")
    (edge,) = document["edges"]
    assert (edge["protocol"], edge["mode"], edge["requirement"]) == (None, None, None)


async def test_a_stale_edge_is_shown_on_request_with_when_it_was_last_seen(served: Serving) -> None:
    assert "shop/legacy" not in distances(await served.document(f"{FRONTEND}?depth=1"))
    document = await served.document(f"{FRONTEND}?depth=1&include_stale=true")
    (edge,) = [edge for edge in document["edges"] if edge["target"] == "shop/legacy"]
    assert edge["stale"] is True
    assert edge["providers"] == [
        {
            "name": "otel",
            "first_seen": "1970-01-01T00:00:01Z",
            "present": False,
            "last_seen": "1970-01-01T00:00:02Z",
        }
    ]
    (legacy,) = [node for node in document["nodes"] if node["id"] == "shop/legacy"]
    assert legacy["discovered"] is True


async def test_a_quarantined_edge_is_shown_on_request(served: Serving) -> None:
    upstream = f"{FRONTEND}?direction=upstream"
    assert ends(await served.document(upstream)) == []
    document = await served.document(f"{upstream}&include_quarantined=true")
    assert ends(document) == [("-/unknown", "shop/frontend")]


@pytest.mark.parametrize(
    ("asked", "targets"),
    [
        ("mode=Async", {"shop/events:queue"}),
        ("mode=sync&requirement=HARD", {"shop/payment", "shop/orders:datastore"}),
        ("requirement=Soft", {"shop/events:queue", "shop/cache:datastore"}),
        ("min_confidence=0.95", {"shop/payment", "shop/orders:datastore", "shop/events:queue"}),
        ("provider=nobody", set()),
    ],
)
async def test_filters_apply_before_the_walk(served: Serving, asked: str, targets: set[str]) -> None:
    document = await served.document(f"{CHECKOUT}?depth=1&{asked}")
    assert {target for _, target in ends(document)} == targets


async def test_a_service_that_is_known_and_alone_is_an_answer_with_one_node(served: Serving) -> None:
    document = await served.document("/api/v1/services/infra/cache/dependencies?direction=both")
    assert distances(document) == {"infra/cache": 0}
    assert document["edges"] == []
    assert document["warnings"] == []


async def test_a_service_with_only_stale_evidence_is_found_by_name_and_says_so(served: Serving) -> None:
    document = await served.document("/api/v1/services/shop/legacy/dependencies")
    assert distances(document) == {"shop/legacy": 0}
    assert "include_stale=true" in document["warnings"][0]


async def test_an_external_service_is_asked_for_with_a_dash_for_its_namespace(served: Serving) -> None:
    document = await served.document(
        "/api/v1/services/-/api.stripe.com/dependencies?direction=upstream&depth=1"
    )
    assert distances(document) == {"-/api.stripe.com:external": 0, "shop/payment": 1}


async def test_what_is_cut_off_says_so() -> None:
    fan = [Fact(0, target) for target in range(1, 5_051)]
    async with serving(graphs.snapshot(fan, 5_051)) as server:
        document = await server.document("/api/v1/services/shop/s0000/dependencies")
        drawn = await server.get("/api/v1/services/shop/s0000/dependencies?format=mermaid")
    assert document["truncated"] is True
    assert len(document["nodes"]) == 5_000
    assert "5,000 services" in document["warnings"][0]
    assert "more than 5,000 services" in drawn.body.decode()


@pytest.mark.parametrize(
    ("asked", "accept", "media", "begins"),
    [
        ("", "application/json", "application/json", "{"),
        ("", "text/html, application/xhtml+xml, */*;q=0.8", "application/json", "{"),
        ("", "text/*", "text/vnd.mermaid; charset=utf-8", "flowchart LR"),
        ("", "text/vnd.graphviz", "text/vnd.graphviz; charset=utf-8", "digraph"),
        ("", "application/json;q=0.1, text/vnd.graphviz", "text/vnd.graphviz; charset=utf-8", "digraph"),
        ("format=mermaid", "*/*", "text/vnd.mermaid; charset=utf-8", "flowchart LR"),
        ("format=mermaid", "text/plain", "text/plain; charset=utf-8", "flowchart LR"),
        ("format=DOT", "", "text/vnd.graphviz; charset=utf-8", "digraph"),
        ("format=json", "*", "application/json", "{"),
    ],
)
async def test_the_format_follows_the_parameter_then_the_accept_header(
    served: Serving, asked: str, accept: str, media: str, begins: str
) -> None:
    reply = await served.get(f"{CHECKOUT}?{asked}", Accept=accept)
    assert reply.status == 200
    assert reply.headers["Content-Type"] == media
    assert reply.body.decode().startswith(begins)


async def test_the_pictures_show_kinds_and_modes_and_stay_the_same(served: Serving) -> None:
    drawn = (await served.get(f"{FRONTEND}?format=mermaid&include_stale=true")).body.decode()
    assert '[("shop/orders:datastore")]' in drawn
    assert '[["shop/events:queue"]]' in drawn
    assert '(["-/api.stripe.com:external"])' in drawn
    assert "-.->" in drawn
    assert "stroke-dasharray:1 4" in drawn
    dot = (await served.get(f"{FRONTEND}?format=dot&include_stale=true")).body.decode()
    for looks in (
        "shape=cylinder",
        "shape=cds",
        "shape=oval",
        "style=dashed",
        "style=dotted",
        'label="gRPC"',
    ):
        assert looks in dot
    served.reader.snapshot = shop.snapshot(shop.later(), facts=shop.FACTS[::-1], nodes=shop.NODES)
    again = (await served.get(f"{FRONTEND}?format=mermaid&include_stale=true")).body.decode()
    assert again == drawn


async def test_a_kind_of_a_name_with_only_stale_evidence_is_found_beside_the_shown_one(
    served: Serving,
) -> None:
    nodes = [*shop.NODES, Node(parse_id("shop/frontend:queue"))]
    stale = shop.SEEN._replace(source=7, target=len(shop.NODES), stale=True)
    served.reader.snapshot = shop.snapshot(facts=[*shop.FACTS, stale], nodes=nodes)
    document = await served.document(f"{FRONTEND}?kind=Queue")
    assert document["root"] == "shop/frontend:queue"
    assert (await served.document(FRONTEND))["root"] == "shop/frontend"
