"""A backend for discovery that answers whatever a test wants: over real HTTP, or with the very bytes."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from servicegraph.clock import SystemClock
from servicegraph.discovery.access import Access
from servicegraph.discovery.poll import poll
from servicegraph.model.telemetry import Source

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable

    from servicegraph.model.telemetry import Poll

PRESENCE, VOLUME = "presence", "volume"
"""The queries of `look`, so that a backend can tell them apart."""
_ONE = {"metric": {"client": "a", "server": "b"}, "value": [1.5, "12"]}


def vector(*series: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What Prometheus answers to an instant query; without series, one call."""
    return {"status": "success", "data": {"resultType": "vector", "result": [*(series or (_ONE,))]}, **more}


@dataclass
class Backend:
    """A server on this machine; `asked` has every request that came."""

    url: str
    asked: list[web.Request] = field(default_factory=list)


@contextlib.asynccontextmanager
async def answering(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]], tls: ssl.SSLContext | None = None
) -> AsyncIterator[Backend]:
    """A server that lets `answer` answer every request, for the time of the block."""
    backend = Backend("")

    async def hear(request: web.Request) -> web.StreamResponse:
        backend.asked.append(request)
        return await answer(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", hear)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    port = runner.addresses[0][1]
    backend.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    try:
        yield backend
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def saying(
    status: int = 200,
    presence: bytes | dict[str, Any] | None = None,
    volume: bytes | dict[str, Any] | None = None,
    volume_status: int | None = None,
    tls: ssl.SSLContext | None = None,
    **headers: str,
) -> AsyncIterator[Backend]:
    """A server that answers so, for the time of the block; one call where nothing is said."""

    async def answer(request: web.Request) -> web.StreamResponse:
        of_volume = request.query["query"] == VOLUME
        said = volume if of_volume and volume is not None else presence
        body = (
            json.dumps(said if said is not None else vector()).encode()
            if not isinstance(said, bytes)
            else said
        )
        code = volume_status if of_volume and volume_status is not None else status
        return web.Response(body=body, status=code, headers={**headers, "Content-Type": "application/json"})

    async with answering(answer, tls) as backend:
        yield backend


@contextlib.asynccontextmanager
async def serving(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[object]],
) -> AsyncIterator[str]:
    """A server of bare TCP that does this with whoever comes, for the time of the block; its URL."""
    connections: list[asyncio.Task[Any] | None] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(asyncio.current_task())
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            await serve(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    await asyncio.gather(*filter(None, connections))


@contextlib.asynccontextmanager
async def uttering(*pieces: bytes, hang: bool = False) -> AsyncIterator[str]:
    """A server that sends these bytes to whoever comes, then closes, or holds on until the client goes; its URL."""

    async def utter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if hang:
            await reader.read()

    async with serving(utter) as url:
        yield url


async def look(url: str, **access: Any) -> Poll:
    """A poll of what is at this URL."""
    source = Source(name="otel", url=url, preset="Custom", query=PRESENCE, interval=300)
    return await poll(
        source, Access(**{"url": url, "volume": VOLUME, "timeout": 20.0, **access}), SystemClock()
    )
