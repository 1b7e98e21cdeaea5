"""The one thing around every request: count it, mark it with the graph's version and freshness, and turn errors into problems.

One function on purpose: three trivial middlewares cost a third of all requests a second. Keys and limits will find their place
here too.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from servicegraph import log, metrics
from servicegraph_api import keys, problems

if TYPE_CHECKING:
    from servicegraph_api.answers import Handler

_log = log.get(__name__)

_UNMATCHED = "unmatched"
"""The route label of everything that matches no route, so that paths made up by clients make no series."""


@web.middleware
async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer `request` with `handler`, whatever happens."""
    resource = request.match_info.route.resource
    route = _UNMATCHED if resource is None else resource.canonical
    with metrics.http_seconds.labels(route).time():
        try:
            response = await handler(request)
        except Exception as error:  # noqa: BLE001 - the last line before the client
            response = _refusal(error, request, route)
        _mark(response, request.app)
    metrics.http_requests.labels(route, str(response.status)).inc()
    return response


def _refusal(error: Exception, request: web.Request, route: str) -> web.Response:
    """The problem document for `error`; what nobody foresaw is logged. That Postgres is away is foreseen."""
    problem = problems.of(error, request)
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR and problem is not error:
        _log.error("http.request_failed", route=route, method=request.method, exc_info=error)
    return problems.response(problem)


def _mark(response: web.StreamResponse, app: web.Application) -> None:
    """Say which graph this is, unless the answer has said so, and whether it may lag behind."""
    reader = app[keys.READER]
    snapshot = reader.current()
    response.headers[hdrs.SERVER] = "servicegraph"
    response.headers["X-Content-Type-Options"] = "nosniff"
    if snapshot is None:
        return
    if keys.GRAPH_VERSION not in response.headers:
        response.headers[keys.GRAPH_VERSION] = str(snapshot.mark.version)
    freshness = reader.freshness()
    if freshness.stale:
        response.headers[keys.GRAPH_STALE] = "true"
        response.headers[keys.GRAPH_AGE] = str(int(freshness.age))
