"""The process that is measured over HTTP: servicegraph as it is served, and beside it what aiohttp costs by itself.

`benchmarks.web` starts it as a child; it says where it listens as one line of JSON, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aiohttp import web
from benchmarks import graphs

from servicegraph.clock import SystemClock
from servicegraph.graph.traverse import Direction, subgraph
from servicegraph.model.apikey import MOST, ApiKey, Scope, digest, forge, id_of
from servicegraph.model.ports import Freshness
from servicegraph.settings import Settings
from servicegraph_api.app import create_app
from servicegraph_api.guard import Guard
from servicegraph_api.limits import Limits
from servicegraph_api.server import listening

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.model.alert import TransitionRecord

EDGES = 100
"""About so many edges are in the answer that is asked for, which makes some 40 kB."""


class World:
    """All that an application needs to know: one graph, one key."""

    def __init__(self, graph: Snapshot, key: ApiKey) -> None:
        self._graph = graph
        self._key = key
        self._uses: dict[str, datetime] = {}

    def current(self) -> Snapshot:
        """The one graph."""
        return self._graph

    def freshness(self) -> Freshness:
        """As fresh as can be."""
        return Freshness(stale=False, age=0.0)

    def known(self, key_id: str, /) -> ApiKey | None:
        """The one key."""
        return self._key if key_id == self._key.id else None

    async def look_up(self, key_id: str, /) -> ApiKey | None:
        """The one key too."""
        return self.known(key_id)

    def used(self, key: ApiKey, /) -> None:
        """Note it as the real ring does."""
        self._uses[key.id] = datetime.now(UTC)

    def alive(self) -> bool:
        """It does."""
        return True

    def degraded(self) -> dict[str, str]:
        """Nothing is."""
        return {}

    async def history(self, name: str, /) -> list[TransitionRecord]:
        """Nobody asks for it."""
        raise NotImplementedError(name)


def bare() -> web.Application:
    """An application that says hello, as short as it can be written."""

    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello world")

    app = web.Application()
    app.router.add_get("/", hello)
    return app


async def serve() -> None:
    """Serve both until the standard input ends."""
    size = graphs.SIZES[0]
    graph = graphs.snapshot(graphs.pairs(size), size)
    text, clock = forge(), SystemClock()
    key = ApiKey(id_of(text) or "", "bench", digest(text), Scope.READ, clock.now(), query_limit=MOST)
    world, settings = World(graph, key), Settings()
    guard = Guard(world, Limits(clock), clock, settings)
    app = create_app(world, world.history, None, world, settings, guard, clock, None)  # type: ignore[arg-type] # no records are asked for
    async with AsyncExitStack() as ends:
        ours = await ends.enter_async_context(listening(app, "127.0.0.1", 0))
        hello = await ends.enter_async_context(_plain(bare()))
        said = {"ours": ours, "hello": hello, "key": text, "path": _path(graph)}
        print(json.dumps(said), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


@asynccontextmanager
async def _plain(app: web.Application) -> AsyncIterator[str]:
    """Serve an application in aiohttp's own way; the URL where."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _path(graph: Snapshot) -> str:
    """Where the three hops below some service hold about `EDGES` edges."""
    found = {
        root: len(subgraph(graph, root, Direction.DOWNSTREAM, 3).edges)
        for root in range(0, len(graph.nodes), 7)
    }
    namespace, name = graph.nodes[min(found, key=lambda root: abs(found[root] - EDGES))].key[1:3]
    return f"/api/v1/services/{namespace}/{name}/dependencies?depth=3"


if __name__ == "__main__":
    asyncio.run(serve())
