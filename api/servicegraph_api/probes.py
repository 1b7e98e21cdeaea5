"""What machines ask: whether the process lives, whether it can serve, its metrics. None needs Postgres or Kubernetes."""

from __future__ import annotations

from http import HTTPStatus

import orjson
from aiohttp import hdrs, web
from prometheus_client.exposition import choose_encoder

from servicegraph import metrics
from servicegraph_api import keys


async def alive(request: web.Request) -> web.Response:
    """200 unless only a restart of the process can help; then 503."""
    if request.app[keys.HEALTH].alive():
        return _state(HTTPStatus.OK, {"status": "ok"})
    return _state(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "failed"})


async def ready(request: web.Request) -> web.Response:
    """503 until a first graph is loaded, 200 from then on, whatever fails later; the body lists what does not work now."""
    degraded = request.app[keys.HEALTH].degraded()
    if request.app[keys.READER].current() is None:
        return _state(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "starting", "degraded": degraded})
    return _state(HTTPStatus.OK, {"status": "degraded" if degraded else "ready", "degraded": degraded})


async def measured(request: web.Request) -> web.Response:
    """All metrics, in the text format or, for who accepts it, as OpenMetrics."""
    write, media = choose_encoder(request.headers.get(hdrs.ACCEPT, ""))
    return web.Response(body=write(metrics.registry), headers={hdrs.CONTENT_TYPE: media})


def _state(status: HTTPStatus, body: dict[str, object]) -> web.Response:
    return web.Response(
        status=status,
        body=orjson.dumps(body),
        content_type="application/json",
        headers={hdrs.CACHE_CONTROL: "no-store"},
    )
