"""A fault proxy in front of Postgres: bytes pass through it until a test wants something else.

Of the protocol it reads just enough to know when a client asks for the COMMIT of a transaction that may write (PostgreSQL
manual, chapter "Frontend/Backend Protocol": a message is a type byte, a length that counts itself, and a body; the start-up
messages have no type byte). Faults: refuse, cut, hold (a network that swallows packets), slow down, stop a client before or
after a COMMIT.
"""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit, urlunsplit

from faults.gates import Gate
from faults.loop import LoopThread
from servicegraph.local import ports

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    from faults.gates import Moment

_CHUNK = 65_536
_PROTOCOL_3 = 196_608


class PostgresProxy:
    """`with PostgresProxy(url_of_a_database) as proxy`: clients connect to `proxy.url`.

    May be used from any thread; every fault lasts until `heal`.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.port = ports.free()
        login = parts.netloc.rpartition("@")[0]
        self.url = urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{self.port}"))
        self._upstream = (parts.hostname or "", parts.port or 5432)
        self._thread = LoopThread("postgres-proxy")
        self._server: asyncio.Server | None = None
        self._gate = Gate()
        self._passing = asyncio.Event()
        self._passing.set()
        self._delay = 0.0
        self._connections: set[_Connection] = set()

    def __enter__(self) -> Self:
        self._thread.__enter__()
        self._thread.call(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.call(self._stop_listening())
        self._thread.do(self._cut)
        self._thread.__exit__()

    @property
    def commits(self) -> int:
        """COMMITs of transactions that may write, asked for since the last `stop_at` or `heal`."""
        return self._gate.passed

    @property
    def reached(self) -> threading.Event:
        """Set once a client stands where `stop_at` wants it."""
        return self._gate.reached

    def refuse(self) -> None:
        """Cut every connection, and accept none."""
        self._thread.call(self._stop_listening())
        self._thread.do(self._cut)

    def cut(self) -> None:
        """Cut every connection; new ones are welcome."""
        self._thread.do(self._cut)

    def hold(self) -> None:
        """Accept connections, and let not one byte pass in either direction: it comes later, or never."""
        self._thread.do(self._passing.clear)

    def slow_down(self, seconds: float) -> None:
        """Let every piece that passes, in either direction, wait for so long."""
        self._delay = seconds

    def stop_at(self, number: int, moment: Moment) -> None:
        """Stop the client that asks for the COMMIT with this number from now on, counting from 1."""
        self._thread.do(lambda: self._gate.arm(number, moment))

    def heal(self) -> None:
        """Take every fault back; a client that was stopped at its COMMIT is cut off."""
        self._delay = 0.0
        self._thread.do(self._gate.open)
        self._thread.do(self._passing.set)
        self._thread.call(self._listen())

    async def pass_by(self) -> None:
        """Wait as long as a piece of data has to."""
        await self._passing.wait()
        if self._delay:
            await asyncio.sleep(self._delay)

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _stop_listening(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def _cut(self) -> None:
        for connection in list(self._connections):
            connection.cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(self, self._gate, writer)
        self._connections.add(connection)
        try:
            await connection.serve(reader, *self._upstream)
        finally:
            self._connections.discard(connection)
            connection.cut()


class _Connection:
    """One client and its connection to the real server."""

    def __init__(self, proxy: PostgresProxy, gate: Gate, client: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._gate = gate
        self._client = client
        self._server: asyncio.StreamWriter | None = None
        self._messages = _Messages()
        self._committing = 0
        """The number of the COMMIT whose answer has not come yet; 0 when there is none."""

    async def serve(self, from_client: asyncio.StreamReader, host: str, port: int) -> None:
        """Pass everything in both directions until one side has had enough."""
        with suppress(OSError):
            from_server, self._server = await asyncio.open_connection(host, port)
            ways = [
                asyncio.create_task(self._ask(from_client, self._server)),
                asyncio.create_task(self._answer(from_server)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)

    def cut(self) -> None:
        """End it at once, in both directions."""
        self._client.transport.abort()
        if self._server is not None:
            self._server.transport.abort()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self._proxy.pass_by()
                if self._messages.commits(data):
                    number = self._gate.come()
                    await self._gate.before(number)
                    self._committing = number
                writer.write(data)
                await writer.drain()

    async def _answer(self, reader: asyncio.StreamReader) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self._proxy.pass_by()
                number, self._committing = self._committing, 0
                if number:
                    await self._gate.after(number)
                self._client.write(data)
                await self._client.drain()


class _Messages:
    """What a client says, message by message."""

    def __init__(self) -> None:
        self._rest = b""
        self._started = False
        self._may_write = False

    def commits(self, data: bytes) -> bool:
        """Whether the client, with this piece, asks for the COMMIT of a transaction that may write."""
        self._rest += data
        found = False
        for kind, body in self._whole():
            statement = body.upper()
            if kind != b"Q":
                continue
            if statement.startswith(b"BEGIN"):
                self._may_write = b"READ ONLY" not in statement
            elif statement.startswith(b"COMMIT"):
                found = found or self._may_write
        return found

    def _whole(self) -> Iterator[tuple[bytes, bytes]]:
        """Every message that is complete; the rest is kept."""
        while True:
            head = 1 if self._started else 0
            if len(self._rest) < head + 4:
                return
            (length,) = struct.unpack_from("!I", self._rest, head)
            end = head + length
            if len(self._rest) < end:
                return
            message, self._rest = self._rest[:end], self._rest[end:]
            if self._started:
                yield message[:1], message[5:]
            else:
                self._started = struct.unpack_from("!I", message, 4)[0] == _PROTOCOL_3
