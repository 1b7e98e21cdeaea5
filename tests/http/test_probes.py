"""The probes, the metrics, and how a graph that lags behind is marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from servicegraph.model.ports import Freshness
from support import shop
from support.serving import serving

if TYPE_CHECKING:
    from support.serving import Serving


async def test_the_process_lives_without_a_graph_and_whatever_is_degraded() -> None:
    async with serving(None) as server:
        server.health.failing = {"postgres": "connection refused"}
        reply = await server.get("/healthz")
        assert (reply.status, reply.json) == (200, {"status": "ok"})


async def test_a_process_that_only_a_restart_can_help_is_not_alive(served: Serving) -> None:
    served.health.is_alive = False
    reply = await served.get("/healthz")
    assert (reply.status, reply.json) == (503, {"status": "failed"})


async def test_ready_comes_with_the_first_graph_and_stays() -> None:
    async with serving(None) as server:
        server.health.failing = {"postgres": "connection refused"}
        reply = await server.get("/readyz")
        assert reply.status == 503
        assert reply.json == {"status": "starting", "degraded": {"postgres": "connection refused"}}
        server.reader.snapshot = shop.snapshot()
        reply = await server.get("/readyz")
        assert reply.status == 200
        assert reply.json == {"status": "degraded", "degraded": {"postgres": "connection refused"}}
        server.health.failing = {}
        assert (await server.get("/readyz")).json == {"status": "ready", "degraded": {}}


@pytest.mark.parametrize("path", ["/api/v1/edges", "/api/v1/services/shop/nothing", "/api/v1/edges?x=1"])
async def test_a_graph_that_lags_behind_is_marked_on_every_answer(served: Serving, path: str) -> None:
    current = await served.get(path)
    assert "X-Graph-Stale" not in current.headers
    assert "X-Graph-Age" not in current.headers
    served.reader.fresh = Freshness(stale=True, age=41.7)
    lagging = await served.get(path)
    assert lagging.status == current.status
    assert lagging.headers["X-Graph-Stale"] == "true"
    assert lagging.headers["X-Graph-Age"] == "41"
    assert lagging.headers["X-Graph-Version"] == "7"
    assert lagging.body == current.body


async def test_a_stale_304_is_marked_too(served: Serving) -> None:
    tag = (await served.get("/api/v1/edges")).headers["ETag"]
    served.reader.fresh = Freshness(stale=True, age=3.0)
    reply = await served.get("/api/v1/edges", If_None_Match=tag)
    assert (reply.status, reply.headers["X-Graph-Stale"]) == (304, "true")


async def test_requests_are_counted_by_route_and_status_and_never_by_name(served: Serving) -> None:
    route = "/api/v1/services/{namespace}/{name}"
    counted = [
        (route, "200"),
        (route, "404"),
        ("unmatched", "404"),
        ("unmatched", "405"),
        ("/healthz", "200"),
    ]
    before = await _counts(served)
    await served.get("/api/v1/services/shop/checkout")
    await served.get("/api/v1/services/shop/secret-project")
    await served.get("/made/up/path")
    await served.get("/api/v1/edges", method="POST")
    await served.get("/healthz")
    after = await _counts(served)
    for label in counted:
        assert after[label] == before.get(label, 0) + 1, label
    text = (await served.get("/metrics")).body.decode()
    assert "secret-project" not in text
    assert "made/up" not in text


async def test_metrics_can_be_had_as_openmetrics(served: Serving) -> None:
    reply = await served.get("/metrics", Accept="application/openmetrics-text")
    assert reply.headers["Content-Type"].startswith("application/openmetrics-text")
    assert reply.body.endswith(b"# EOF\n")


async def _counts(served: Serving) -> dict[tuple[str, str], float]:
    text = (await served.get("/metrics")).body.decode()
    return {
        (sample.labels["route"], sample.labels["status"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "servicegraph_http_requests_total"
    }
