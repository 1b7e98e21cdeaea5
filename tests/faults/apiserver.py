"""A fault proxy in front of kube-apiserver: requests pass through it until a test wants something else.

It speaks TLS with a certificate of its own, which the kubeconfig that it writes trusts; the caller's bearer token is handed on.
Watches pass event by event. Faults: refuse, cut, hold, answer an error, swallow events (a watch that falls silent swallows
all), end watches with an ERROR event, small pages of lists, stop a client before or after a status write.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import aiohttp
import yaml
from aiohttp import hdrs, web
from yarl import URL

from faults.gates import Gate
from faults.loop import LoopThread
from servicegraph import certificates
from servicegraph.local import ports

if TYPE_CHECKING:
    import threading
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from faults.gates import Moment

    Fits = Callable[[web.BaseRequest], bool]
    Event = dict[str, Any]

_OF_ONE_HOP = {"host", "connection", "keep-alive", "transfer-encoding", "content-length"}


def is_anything(_request: web.BaseRequest) -> bool:
    """Any request."""
    return True


def is_watch(request: web.BaseRequest) -> bool:
    """Whether it asks for a watch."""
    return request.query.get("watch") in {"1", "true"}


def is_list(request: web.BaseRequest) -> bool:
    """Whether it asks for a list of ServiceDependency objects, a page of it maybe."""
    return (
        request.method == hdrs.METH_GET
        and request.path.endswith("/servicedependencies")
        and not is_watch(request)
    )


def is_later_page(request: web.BaseRequest) -> bool:
    """Whether it asks for a page of a list after the first."""
    return is_list(request) and bool(request.query.get("continue"))


def is_status_write(request: web.BaseRequest) -> bool:
    """Whether it writes a status."""
    return request.method == hdrs.METH_PATCH and request.path.endswith("/status")


def is_write(request: web.BaseRequest) -> bool:
    """Whether it changes anything."""
    return request.method in {hdrs.METH_POST, hdrs.METH_PUT, hdrs.METH_PATCH, hdrs.METH_DELETE}


def is_of_kopf(request: web.BaseRequest) -> bool:
    """Whether the watch asks, its own lists included, and no other part of the operator."""
    return request.headers.get(hdrs.USER_AGENT, "").startswith("kopf/")


def bears(token: str) -> Fits:
    """Whether the caller shows this token."""
    return lambda request: request.headers.get(hdrs.AUTHORIZATION) == f"Bearer {token}"


@dataclass(frozen=True, slots=True)
class _Refusal:
    when: Fits
    status: int
    headers: Mapping[str, str]


class ApiServerProxy:
    """`with ApiServerProxy(kubeconfig, folder) as proxy`: clients use the kubeconfig `proxy.kubeconfig`.

    May be used from any thread; every fault lasts until `heal`. What a predicate raises fails the request.
    """

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        self._port = ports.free()
        self._folder = folder
        self._config = yaml.safe_load(kubeconfig.read_text())
        cluster = self._config["clusters"][0]["cluster"]
        self._upstream = cluster["server"]
        self._trust = ssl.create_default_context(
            cadata=base64.b64decode(cluster["certificate-authority-data"]).decode()
        )
        authority, self._certificate, self._key = certificates.server_certificate()
        cluster["server"] = f"https://127.0.0.1:{self._port}"
        cluster["certificate-authority-data"] = base64.b64encode(authority).decode()
        self.kubeconfig = folder / "proxied.kubeconfig"
        self.show(self.token)

        self._thread = LoopThread("apiserver-proxy")
        self._runner: web.ServerRunner | None = None
        self._site: web.TCPSite | None = None
        self._session: aiohttp.ClientSession | None = None
        self._gate = Gate()
        self._gated: Fits = is_status_write
        self._passing = asyncio.Event()
        self._passing.set()
        self._refusals: list[_Refusal] = []
        self.refused = 0
        """Requests that were answered as `answer` wants, since the last `heal`."""
        self._late: Fits | None = None
        self._tickets = asyncio.Semaphore(0)
        self.late = 0
        """Answers that `answer_late` holds back."""
        self._swallowed: Callable[[Event], bool] = _nothing
        self._page = 0
        self._watches: dict[web.StreamResponse, asyncio.Event] = {}

    def __enter__(self) -> Self:
        self._thread.__enter__()
        self._thread.call(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.call(self._stop())
        self._thread.__exit__()

    @property
    def token(self) -> str:
        """The bearer token that the kubeconfig holds."""
        token: str = self._config["users"][0]["user"]["token"]
        return token

    def show(self, token: str) -> None:
        """Write the kubeconfig with this token into the place of the old one."""
        self._config["users"][0]["user"]["token"] = token
        fresh = self.kubeconfig.with_suffix(".new")
        fresh.write_text(json.dumps(self._config))
        fresh.replace(self.kubeconfig)

    @property
    def patches(self) -> int:
        """Status writes (or what else the gate counts) that were asked for since the last `stop_at` or `heal`."""
        return self._gate.passed

    @property
    def watches(self) -> int:
        """Watches that are open."""
        return len(self._watches)

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
        """Accept requests, and let nothing pass in either direction: it comes later, or never."""
        self._thread.do(self._passing.clear)

    def answer(self, status: int, when: Fits, headers: Mapping[str, str] | None = None) -> None:
        """Answer requests that fit with this status instead of asking the API server."""
        refusal = _Refusal(when, status, headers or {})
        self._thread.do(lambda: self._refusals.append(refusal))

    def answer_late(self, when: Fits) -> None:
        """Ask the API server for what fits, and hold its answers back until `let_one_pass` or `heal`."""
        self._late = when

    def let_one_pass(self) -> None:
        """Hand on one of the answers that are held back, the oldest."""
        self._thread.do(self._tickets.release)

    def swallow(self, which: Callable[[Event], bool]) -> None:
        """Withhold events of watches: those of which `which(event)` is true never arrive."""
        self._swallowed = which

    def silence(self) -> None:
        """Let no event of any watch arrive, bookmarks neither, and leave the watches open."""
        self._swallowed = _everything

    def end_watches(self, code: int, reason: str) -> None:
        """Write an ERROR event with this code into every open watch, and end it."""
        self._thread.call(self._end_watches(code, reason))

    def small_pages(self, size: int) -> None:
        """Let no list show more than `size` objects at a time."""
        self._page = size

    def gate_every_write(self) -> None:
        """Let `patches` and `stop_at` count every write from now on, and not those of a status alone."""
        self._gated = is_write

    def stop_at(self, number: int, moment: Moment) -> None:
        """Stop the client that sends the status write with this number from now on, counting from 1."""
        self._thread.do(lambda: self._gate.arm(number, moment))

    def heal(self) -> None:
        """Take every fault back; a client that was stopped at a write is cut off."""
        self._swallowed = _nothing
        self._page = 0
        self._thread.do(self._refusals.clear)
        self.refused = 0
        self._late = None
        for _ in range(self.late):
            self.let_one_pass()
        self._thread.do(self._gate.open)
        self._thread.do(self._passing.set)
        self._thread.call(self._listen())

    async def _start(self) -> None:
        connector = aiohttp.TCPConnector(ssl=self._trust, limit=0)
        self._session = aiohttp.ClientSession(
            connector=connector, auto_decompress=False, timeout=aiohttp.ClientTimeout(total=None)
        )
        # A client that goes away takes its request with it: what was held for it must not be done later.
        server = web.Server(self._serve, handler_cancellation=True, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await self._runner.setup()
        await self._listen()

    async def _stop(self) -> None:
        self._cut()
        assert self._runner is not None
        assert self._session is not None
        await self._runner.cleanup()
        await self._session.close()

    async def _listen(self) -> None:
        if self._site is not None:
            return
        assert self._runner is not None
        identity = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        chain, key = self._folder / "proxy.crt", self._folder / "proxy.key"
        chain.write_bytes(self._certificate)
        key.write_bytes(self._key)
        identity.load_cert_chain(chain, key)
        self._site = web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=identity)
        await self._site.start()

    async def _stop_listening(self) -> None:
        site, self._site = self._site, None
        if site is not None:
            await site.stop()

    def _cut(self) -> None:
        assert self._runner is not None
        assert self._runner.server is not None
        for connection in self._runner.server.connections:
            if connection.transport is not None:
                connection.transport.abort()

    async def _end_watches(self, code: int, reason: str) -> None:
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason}
        event = json.dumps({"type": "ERROR", "object": status}).encode() + b"\n"
        for response, ending in list(self._watches.items()):
            with suppress(ConnectionError):
                await response.write(event)
            ending.set()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        await self._passing.wait()
        for refusal in self._refusals:
            if refusal.when(request):
                self.refused += 1
                return _status(refusal.status, refusal.headers)
        number = self._gate.come() if self._gated(request) else 0
        try:
            await self._gate.before(number)
            return await self._forward(request, body, number)
        except (aiohttp.ClientError, OSError):
            # Whatever went wrong behind us, the client sees its connection break.
            if request.transport is not None:
                request.transport.abort()
            return web.Response()

    async def _forward(self, request: web.BaseRequest, body: bytes, number: int) -> web.StreamResponse:
        assert self._session is not None
        query = dict(request.query)
        if self._page and is_list(request):
            query["limit"] = str(self._page)
        url = URL(self._upstream + request.rel_url.raw_path, encoded=True).with_query(query)
        headers = _handed_on(request.headers)
        async with self._session.request(request.method, url, headers=headers, data=body or None) as answer:
            handed_on = _handed_on(answer.headers)
            if is_watch(request) and answer.status == 200:
                return await self._watch(request, answer, handed_on)
            content = await answer.read()
            await self._gate.after(number)
            await self._passing.wait()
            if self._late is not None and self._late(request):
                self.late += 1
                try:
                    await self._tickets.acquire()
                finally:
                    self.late -= 1
            return web.Response(status=answer.status, headers=handed_on, body=content)

    async def _watch(
        self, request: web.BaseRequest, answer: aiohttp.ClientResponse, headers: Mapping[str, str]
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        ending = asyncio.Event()
        self._watches[response] = ending
        ways = [
            asyncio.create_task(self._tell(response, answer)),
            asyncio.create_task(ending.wait()),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._watches[response]
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        return response

    async def _tell(self, response: web.StreamResponse, answer: aiohttp.ClientResponse) -> None:
        async for line in _lines(answer.content):
            await self._passing.wait()
            if not self._swallowed(json.loads(line)):
                await response.write(line)


def _handed_on(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that are not about this one connection."""
    return {name: value for name, value in headers.items() if name.lower() not in _OF_ONE_HOP}


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Line by line, of any length."""
    rest = b""
    async for piece in content.iter_any():
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line + b"\n"


def _status(code: int, headers: Mapping[str, str]) -> web.Response:
    """An answer as the API server itself words it."""
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "a fault that was asked for",
        "code": code,
    }
    return web.json_response(body, status=code, headers=headers)


def _nothing(_event: Event) -> bool:
    return False


def _everything(_event: Event) -> bool:
    return True
