"""The one thing around every request: admit it, count it, say which graph it met and how fresh, turn errors into problems.

One function on purpose: three trivial middlewares cost a third of all requests a second.
"""

from __future__ import annotations

from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from servicegraph import log, metrics
from servicegraph_api import answers, keys, problems
from servicegraph_api.memory import Answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from aiohttp.typedefs import Middleware

    from servicegraph.model.apikey import Scope
    from servicegraph.model.ports import GraphReader
    from servicegraph_api.answers import Handler
    from servicegraph_api.guard import Guard
    from servicegraph_api.memory import Memory

    Serve = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_log = log.get(__name__)

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


class Doorman:
    """Does around every request what has to be done.

    Args:
        reader: says which graph answers are made from.
        guard: lets requests in.
        memory: the answers that are remembered.
        rules: by route of the application.
    """

    def __init__(
        self, reader: GraphReader, guard: Guard, memory: Memory, rules: Mapping[web.AbstractRoute, Rule]
    ) -> None:
        self._reader = reader
        self._guard = guard
        self._memory = memory
        self._rules = rules
        self._others = Rule(_UNMATCHED, None)

    def before(self, handle: Serve) -> Serve:
        """`handle`, but for what is remembered, which needs not be routed: that is a quarter of the work."""

        async def first(request: web.BaseRequest) -> web.StreamResponse:
            assert isinstance(request, web.Request)
            found = answers.remembered(request, self._reader, self._memory)
            if found is None or found.route is None:
                return await handle(request)
            return await self._answer(request, self._rules[found.route], found)

        return first

    @property
    def middleware(self) -> Middleware:
        """What goes around the handlers of the application."""

        @web.middleware
        async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
            rule = self._rules.get(request.match_info.route, self._others)
            return await self._answer(request, rule, handler)

        return around

    async def _answer(self, request: web.Request, rule: Rule, how: Handler | Answer) -> web.StreamResponse:
        """Answer `request` as `how` does, whatever happens."""
        began = perf_counter()
        verdict = None
        response: web.StreamResponse
        try:
            key, verdict = await self._guard.admit(request, rule.scope)
            if isinstance(how, Answer):
                response = answers.sent(how, request)
            else:
                if key is not None:
                    request[keys.CALLER] = key
                response = await how(request)
        except Exception as error:  # noqa: BLE001 - the last line before the client
            response = _refusal(error, request, rule.route)
        if verdict is not None:
            verdict.tell(response.headers)
        _mark(response, self._reader)
        rule.observe(perf_counter() - began)
        rule.count(response.status)
        return response


DOORMAN = web.AppKey("doorman", Doorman)
"""Held by the application, so that who listens for it lets the doorman stand before it."""


def _refusal(error: Exception, request: web.Request, route: str) -> web.Response:
    """The problem document for `error`; what nobody foresaw is logged. That Postgres is away is foreseen."""
    problem = problems.of(error, request)
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR and problem is not error:
        _log.error("http.request_failed", route=route, method=request.method, exc_info=error)
    return problems.response(problem)


def _mark(response: web.StreamResponse, reader: GraphReader) -> None:
    """Say which graph this is, unless the answer has said so, and whether it may lag behind."""
    headers = response.headers
    if hdrs.SERVER not in headers:
        headers.update(problems.ALWAYS)
    snapshot = reader.current()
    if snapshot is None:
        return
    if keys.GRAPH_VERSION not in headers:
        headers[keys.GRAPH_VERSION] = str(snapshot.mark.version)
    freshness = reader.freshness()
    if freshness.stale:
        headers[keys.GRAPH_STALE] = "true"
        headers[keys.GRAPH_AGE] = str(int(freshness.age))
