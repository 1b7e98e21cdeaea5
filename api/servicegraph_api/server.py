"""Listening: the application on a socket.

`cli.run` serves with it, and so do the tests, since what a client may do to a connection is decided here and in `connection`.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from servicegraph_api.connection import Connection
from servicegraph_api.middleware import DOORMAN

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

END_SECONDS = 1.0
"""How long requests that are being answered may take once the end is near."""

LOOK_SECONDS = 1.0
"""How often it is looked whether clients are too slow."""

HANDSHAKE_SECONDS = 5.0
"""How long a client may take to agree on TLS."""

_BACKLOG = 1024
"""Connections that may wait to be accepted while the process is busy."""


@asynccontextmanager
async def listening(
    app: web.Application, host: str, port: int, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Take requests for the time of the block; the URL where.

    Args:
        app: answers them.
        host: address to listen at.
        port: 0 takes a free one.
        tls: what to show of ourselves; None speaks plainly.

    Raises:
        OSError: the port is taken, or the address is none of this machine.
    """
    runner = web.AppRunner(app, shutdown_timeout=END_SECONDS)
    await runner.setup()
    try:
        assert runner.server is not None
        if DOORMAN in app:
            runner.server.request_handler = app[DOORMAN].before(runner.server.request_handler)
        loop = asyncio.get_running_loop()
        sockets = await loop.create_server(
            partial(Connection, runner.server, loop=loop),
            host,
            port,
            backlog=_BACKLOG,
            ssl=tls,
            ssl_handshake_timeout=HANDSHAKE_SECONDS if tls else None,
        )
        looking = asyncio.create_task(_look(runner.server))
        try:
            at, port, *_ = sockets.sockets[0].getsockname()
            yield f"http{'s' if tls else ''}://{f'[{at}]' if ':' in at else at}:{port}"
        finally:
            looking.cancel()
            sockets.close()
    finally:
        await runner.cleanup()


async def _look(server: web.Server) -> None:
    """End connections whose clients are too slow, until cancelled."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        for connection in server.connections:
            if isinstance(connection, Connection):
                connection.look()
