"""Clients that ask as fast as they are answered, on as many connections as wanted, and note how long each answer took.

They write and read bytes, no more: a full HTTP client would take longer than the server and hide what is measured. Both sides
of a row are measured by the same clients.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass, field
from statistics import median, quantiles
from time import perf_counter
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

_END = b"\r\n\r\n"
_LENGTH = b"Content-Length: "
_PIECE = 1 << 20


@dataclass
class Load:
    """What many clients saw."""

    clients: int
    took: list[float] = field(default_factory=list)
    """Seconds of each answer."""
    failed: int = 0
    """Answers that were no 200, and connections that ended."""
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.took) / self.seconds

    def percentile(self, which: int) -> float:
        """Seconds that `which` percent of the answers did not exceed."""
        return quantiles(self.took, n=100)[which - 1]


def request(url: str, path: str, key: str) -> bytes:
    """The bytes that ask for `path`."""
    return (f"GET {path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\nX-API-Key: {key}\r\n\r\n").encode()


def many(url: str, asked: bytes, clients: int, seconds: float) -> Load:
    """Let `clients` ask the same again and again for `seconds`."""
    return asyncio.run(_many(url, asked, clients, seconds))


def one(url: str, ask: Callable[[], bytes], count: int) -> float:
    """The median seconds of `count` answers to one client; `ask` makes each request."""
    parts = urlsplit(url)
    took = []
    with socket.create_connection((parts.hostname or "", parts.port or 80)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(count):
            asked = ask()
            began = perf_counter()
            connection.sendall(asked)
            head, _, body = connection.recv(_PIECE).partition(_END)
            missing = _length(head) - len(body)
            while missing > 0:
                missing -= len(connection.recv(_PIECE))
            took.append(perf_counter() - began)
            assert head.startswith(b"HTTP/1.1 200"), head
    return median(took)


async def _many(url: str, asked: bytes, clients: int, seconds: float) -> Load:
    load, parts = Load(clients), urlsplit(url)
    loop = asyncio.get_running_loop()
    open_ones = [
        (await loop.create_connection(lambda: _Client(load, asked), parts.hostname or "", parts.port or 80))[
            1
        ]
        for _ in range(clients)
    ]
    began = perf_counter()
    for client in open_ones:
        client.ask()
    await asyncio.sleep(seconds)
    load.seconds = perf_counter() - began
    for client in open_ones:
        client.end()
    return load


class _Client(asyncio.Protocol):
    """One connection, with one request under way."""

    def __init__(self, load: Load, asked: bytes) -> None:
        self._load = load
        self._asked = asked
        self._missing = 0
        self._began = 0.0
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self) -> None:
        self._began = perf_counter()
        self._transport.write(self._asked)

    def end(self) -> None:
        self._ended = True
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._missing:
            self._missing -= len(data)
        else:
            head, _, body = data.partition(_END)
            self._missing = _length(head) - len(body)
            self._load.failed += not head.startswith(b"HTTP/1.1 200")
        if not self._missing:
            self._load.took.append(perf_counter() - self._began)
            self.ask()

    def connection_lost(self, _error: Exception | None) -> None:
        self._load.failed += not self._ended


def _length(head: bytes) -> int:
    """The length of the body that follows `head`, which is there as a whole."""
    return int(head.partition(_LENGTH)[2].partition(b"\r\n")[0])
