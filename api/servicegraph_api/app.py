"""The HTTP application: the routes, the middleware and what the handlers need, put together.

`cli.run` calls `create_app` and serves it with `server.listening`; tests do the same with a reader of their own.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from aiohttp import web

from servicegraph_api import keys
from servicegraph_api.memory import Memory
from servicegraph_api.middleware import DOORMAN, Doorman, Rule
from servicegraph_api.routes import ROUTES

if TYPE_CHECKING:
    from servicegraph.clock import Clock
    from servicegraph.model.ports import AlertHistory, Commit, GraphReader, Health
    from servicegraph.model.records import Records
    from servicegraph.settings import Settings
    from servicegraph_api.guard import Guard

_THREADS = 2
"""So many large bodies are worked on at a time."""


def create_app(
    reader: GraphReader,
    history: AlertHistory,
    records: Records,
    health: Health,
    settings: Settings,
    guard: Guard,
    clock: Clock,
    commit: Commit,
) -> web.Application:
    """The application that answers from `reader`; it opens no socket and holds no connection.

    Args:
        reader: where the current graph comes from.
        history: what happened to the alerts of the graph.
        records: the words behind edges, and how providers fare.
        health: what the probes tell.
        settings: of this process.
        guard: lets requests in.
        clock: tells which acceptances in manifests are over.
        commit: stores what is sent.
    """
    rules: dict[web.AbstractRoute, Rule] = {}
    memory = Memory()
    doorman = Doorman(reader, guard, memory, rules)
    app = web.Application(middlewares=[doorman.middleware])
    app[DOORMAN] = doorman
    app[keys.READER] = reader
    app[keys.HISTORY] = history
    app[keys.RECORDS] = records
    app[keys.COMMIT] = commit
    app[keys.HEALTH] = health
    app[keys.SETTINGS] = settings
    app[keys.MEMORY] = memory
    app[keys.CLOCK] = clock
    app[keys.ROOM] = asyncio.Semaphore(_THREADS)
    # A path is held against one route after the other: the long ones, of which most is asked, first.
    for route in sorted(ROUTES, key=lambda route: -route.path.count("/")):
        resource = app.router.add_resource(_pattern(route.path))
        rule = Rule(resource.canonical, route.scope)
        for method in ("GET", "HEAD") if route.method == "GET" else (route.method,):
            rules[resource.add_route(method, route.handler)] = rule
    return app


def _pattern(path: str) -> str:
    """The path for aiohttp: a name in it is anything but a slash, curly brackets too."""
    return re.sub(r"\{(\w+)\}", r"{\1:[^/]+}", path)
