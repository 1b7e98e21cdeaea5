"""What clients do to connections, on purpose or by accident: they get an answer in words, and others do not wait."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import orjson
import pytest

from servicegraph_api import bodies, connection
from servicegraph_api.connection import METHODS
from support.keyed import HEADERS, KEY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.serving import Serving

SERVICES = "/api/v1/services"
CHECK = "/api/v1/check"


class Wire:
    """A connection on which the test writes the bytes itself."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, *lines: str, end: bool = True) -> None:
        self.writer.write("\r\n".join([*lines, *["", ""] * end]).encode("latin-1"))

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The next answer: status, headers in lower case, body."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)
        }
        return int(head[0].split()[1]), headers, await self.reader.readexactly(int(headers["content-length"]))

    async def problem(self) -> tuple[int, str]:
        """The status and the words of the next answer, which is a problem, after which the connection ends."""
        status, headers, body = await self.answer()
        assert headers["content-type"] == "application/problem+json"
        assert await self.reader.read() == b""
        document: dict[str, Any] = orjson.loads(body)
        assert document["status"] == status
        return status, document["detail"]


@asynccontextmanager
async def wire(served: Serving) -> AsyncIterator[Wire]:
    parts = urlsplit(served.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        async with asyncio.timeout(60):
            yield Wire(reader, writer)
    finally:
        writer.close()
        await asyncio.wait([asyncio.create_task(writer.wait_closed())])


@pytest.mark.parametrize(
    ("lines", "status", "says"),
    [
        (["GET /healthz HTTP/1.1", f"X-API-Key: {KEY}\x00"], 400, "malformed"),
        (["GET /healthz HTTP/1.1", f"X-API-Key {KEY}"], 400, "malformed"),
        (["GET /healthz HTTP/1.1", f"X-API-Key : {KEY}"], 400, "malformed"),
        ([f"GET /?key={KEY} HTTP/9.9"], 400, "malformed"),
        (["GET /healthz HTTP/1.1", "Content-Length: many"], 400, "malformed"),
        ([f"GET http://[{KEY}/ HTTP/1.1"], 400, "malformed"),
        (["GET /" + "a" * 70_000 + " HTTP/1.1"], 431, "64 KiB"),
        (["GET / HTTP/1.1", "X-API-Key: " + KEY * 1_500], 431, "64 KiB"),
        (["GET / HTTP/1.1", *(f"A{n}: x" for n in range(200))], 431, "more than 128 headers"),
        ([f"{KEY} / HTTP/1.1"], 405, METHODS),
        (["FETCH /api/v1/services HTTP/1.1", "Host: x"], 405, METHODS),
        (["\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"], 400, "http:// instead of https://"),
    ],
)
async def test_what_is_no_request_is_answered_and_not_repeated(
    served: Serving,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    lines: list[str],
    status: int,
    says: str,
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with wire(served) as client:
            client.send(*lines)
            found, detail = await client.problem()
    assert found == status
    assert says in detail
    logged = caplog.text + capsys.readouterr().out
    assert "http.not_understood" in logged
    assert KEY[12:] not in detail + logged
    metrics = (await served.get("/metrics")).body.decode()
    assert f'route="malformed",status="{status}"' in metrics


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PROPFIND", "PUT"])
async def test_a_method_that_others_know_is_told_what_there_is(served: Serving, method: str) -> None:
    reply = await served.get(SERVICES, method=method)
    assert (reply.status, reply.headers["Allow"]) == (405, "GET, HEAD")
    assert "it takes GET, HEAD" in reply.detail


async def test_every_method_that_a_route_takes_is_among_those_that_are_told() -> None:
    from servicegraph_api.routes import ROUTES  # noqa: PLC0415 - one test

    assert {route.method for route in ROUTES} <= set(METHODS.split(", "))


async def test_headers_that_do_not_come_to_their_end_are_not_waited_for(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.05)
    async with wire(served) as client:
        client.send(f"GET {SERVICES} HTTP/1.1", "Host: x", end=False)
        assert await client.problem() == (
            408,
            "the headers did not come to their end in time; send the whole request at once",
        )


async def test_nor_are_those_of_a_later_request_on_the_connection(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.05)
    async with wire(served) as client:
        client.send("GET /healthz HTTP/1.1", "Host: x")
        assert (await client.answer())[0] == 200
        client.send(f"GET {SERVICES} HTTP/1.1", "Host", end=False)
        assert (await client.problem())[0] == 408


async def test_a_request_that_comes_byte_by_byte_is_answered(served: Serving) -> None:
    async with wire(served) as client:
        for letter in f"GET {SERVICES} HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\n\r\n":
            client.writer.write(letter.encode())
            await client.writer.drain()
            await asyncio.sleep(0)
        assert (await client.answer())[0] == 200


async def test_a_connection_that_asks_nothing_is_closed(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "IDLE_SECONDS", 0.05)
    async with wire(served) as client:
        assert await client.reader.read() == b""


async def test_a_body_that_does_not_come_to_its_end_is_not_waited_for(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "SECONDS", 0.05)
    async with wire(served) as client:
        client.send(f"POST {CHECK} HTTP/1.1", "Host: x", f"X-API-Key: {KEY}", "Content-Length: 100")
        client.writer.write(b"[")
        status, headers, body = await client.answer()
        assert (status, headers["connection"]) == (408, "close")
        assert "the body did not come to its end" in orjson.loads(body)["detail"]


async def test_a_body_that_is_too_long_is_refused_before_it_is_sent(served: Serving) -> None:
    async with wire(served) as client:
        client.send(f"POST {CHECK} HTTP/1.1", "Host: x", f"X-API-Key: {KEY}", "Content-Length: 10000000000")
        status, _, body = await client.answer()
        assert status == 413
        assert "the body is longer than 8 MiB" in orjson.loads(body)["detail"]


async def test_a_body_of_unknown_length_is_refused_once_it_is_too_long(served: Serving) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield b" " * 65_536

    try:
        headers = {**HEADERS, "Content-Type": "application/json"}
        async with served.session.post(served.url + CHECK, data=endless(), headers=headers) as answer:
            assert answer.status == 413
    except aiohttp.ClientError:
        pass  # it was still sending when the connection was closed
    assert sent < 1_000


async def test_a_body_without_a_key_is_not_read(served: Serving) -> None:
    async with wire(served) as client:
        client.send(f"POST {CHECK} HTTP/1.1", "Host: x", "Content-Length: 10000000000")
        assert (await client.answer())[0] == 401


async def test_a_packed_body_is_refused(served: Serving) -> None:
    reply = await served.get(CHECK, method="POST", Content_Type="application/json", Content_Encoding="gzip")
    assert reply.status == 415
    assert "Content-Encoding 'gzip' is not taken" in reply.detail


async def test_a_client_that_does_not_take_its_answer_is_let_go(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "TAKE_SECONDS", 0.05)
    async with wire(served) as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined] # of a transport that reads too
        request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
        with contextlib.suppress(ConnectionError):
            while True:  # ends with the connection, or the time-out fails the test
                client.writer.write(request * 100)
                await client.writer.drain()
                await asyncio.sleep(0.001)


async def test_two_hundred_clients_at_once_are_all_answered(served: Serving) -> None:
    async def ask() -> int:
        async with wire(served) as client:
            client.send(f"GET {SERVICES} HTTP/1.1", "Host: x", f"X-API-Key: {KEY}")
            return (await client.answer())[0]

    assert await asyncio.gather(*(ask() for _ in range(200))) == [200] * 200


async def test_slow_clients_keep_nobody_from_an_answer(served: Serving) -> None:
    async with asyncio.TaskGroup() as tasks:
        enough = asyncio.Event()

        async def linger() -> None:
            async with wire(served) as client:
                client.send(f"GET {SERVICES} HTTP/1.1", "Host: x", end=False)
                await client.writer.drain()
                await enough.wait()

        for _ in range(200):
            tasks.create_task(linger())
        assert (await served.get(SERVICES)).status == 200
        enough.set()
