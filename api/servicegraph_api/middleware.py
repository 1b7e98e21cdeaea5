"""The one thing around every request: admit it, count it, say which graph it met and how fresh, turn errors into problems.

One function on purpose: three trivial middlewares cost a third of all requests a second.
"""

from __future__ import annotations

from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from servicegraph import log, metrics
from servicegraph_api import keys, problems

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiohttp.typedefs import Middleware

    from servicegraph.model.apikey import Scope
    from servicegraph.model.ports import GraphReader
    from servicegraph_api.answers import Handler
    from servicegraph_api.guard import Guard

_log = log.get(__name__)

_CONTENT_TYPE_OPTIONS = "X-Content-Type-Options"
_UNMATCHED = "unmatched"
"""The route label of everything that matches no route, so that paths made up by clients make no series."""


class Rule:
    """What is the same for all requests of one route: what a key must allow, and where they are counted."""

    __slots__ = ("_counters", "observe", "route", "scope")

    def __init__(self, route: str, scope: Scope | None) -> None:
        self.route = route
        self.scope = scope
        self.observe: Callable[[float], None] = metrics.http_seconds.labels(route).observe
        self._counters: dict[int, Callable[[], None]] = {}

    def count(self, status: int) -> None:
        """Count a request that was answered with `status`."""
        counter = self._counters.get(status)
        if counter is None:
            counter = self._counters[status] = metrics.http_requests.labels(self.route, str(status)).inc
        counter()


def around(reader: GraphReader, guard: Guard, rules: Mapping[web.AbstractRoute, Rule]) -> Middleware:
    """What is to be done around every request.

    Args:
        reader: says which graph answers are made from.
        guard: lets requests in.
        rules: by route of the application.
    """
    others = Rule(_UNMATCHED, None)

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer `request` with `handler`, whatever happens."""
        began = perf_counter()
        rule = rules.get(request.match_info.route, others)
        verdict = None
        try:
            key, verdict = await guard.admit(request, rule.scope)
            if key is not None:
                request[keys.CALLER] = key
            response = await handler(request)
        except Exception as error:  # noqa: BLE001 - the last line before the client
            response = _refusal(error, request, rule.route)
        if verdict is not None:
            verdict.tell(response.headers)
        _mark(response, reader)
        rule.observe(perf_counter() - began)
        rule.count(response.status)
        return response

    return answer


def _refusal(error: Exception, request: web.Request, route: str) -> web.Response:
    """The problem document for `error`; what nobody foresaw is logged. That Postgres is away is foreseen."""
    problem = problems.of(error, request)
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR and problem is not error:
        _log.error("http.request_failed", route=route, method=request.method, exc_info=error)
    return problems.response(problem)


def _mark(response: web.StreamResponse, reader: GraphReader) -> None:
    """Say which graph this is, unless the answer has said so, and whether it may lag behind."""
    headers = response.headers
    headers[hdrs.SERVER] = "servicegraph"
    headers[_CONTENT_TYPE_OPTIONS] = "nosniff"
    snapshot = reader.current()
    if snapshot is None:
        return
    if keys.GRAPH_VERSION not in headers:
        headers[keys.GRAPH_VERSION] = str(snapshot.mark.version)
    freshness = reader.freshness()
    if freshness.stale:
        headers[keys.GRAPH_STALE] = "true"
        headers[keys.GRAPH_AGE] = str(int(freshness.age))
