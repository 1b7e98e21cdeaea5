"""One connection of a client, as aiohttp serves it, with what aiohttp leaves open.

A request that is none is answered with a problem document, and nothing of it is logged or repeated: what is malformed may be
the header that carries the key. A client that does not come to the end of its request, or does not take its answer, is not
waited for.

It leans on two attributes that aiohttp keeps for itself (`_request_count`, `_waiter`); tests hold each behaviour to its
promise.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMethod, LineTooLong

from servicegraph import log, metrics
from servicegraph_api import problems
from servicegraph_api.problems import Problem

if TYPE_CHECKING:
    import asyncio

    from aiohttp.web_request import BaseRequest

_log = log.get(__name__)

LONGEST_LINE = 64 * 1024
"""Bytes of the longest request line and header: within it even an absurd name gets an answer that says what is wrong."""

MOST_HEADERS = 128

IDLE_SECONDS = 75.0
"""How long a connection without a request is kept: longer than the proxies in front of it (60 s) keep theirs."""

HEAD_SECONDS = 10.0
"""How long a request may take from its first byte to the end of its headers."""

TAKE_SECONDS = 60.0
"""How long a client may take to take an answer that is larger than the system's buffers."""

_MALFORMED = "malformed"
"""The route label of what is no request."""

METHODS = "DELETE, GET, HEAD, POST"


class Connection(web.RequestHandler):
    """What `server.listening` makes for each client."""

    __slots__ = ("_answer_since", "_head_since")

    def __init__(self, manager: web.Server, *, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            manager,
            loop=loop,
            keepalive_timeout=IDLE_SECONDS,
            access_log=None,  # type: ignore[arg-type] # which is how aiohttp is told to write none
            max_line_size=LONGEST_LINE,
            max_field_size=LONGEST_LINE,
            max_headers=MOST_HEADERS,
            auto_decompress=False,
        )
        self._head_since: float | None = None
        """When a request began whose headers are not all here."""
        self._answer_since: float | None = None
        """Since when the client has not taken what is sent."""

    def data_received(self, data: bytes) -> None:
        """Take what the client sends, and note whether a request has begun."""
        before = self._request_count
        super().data_received(data)
        if self._request_count != before:
            self._head_since = None
        elif self._head_since is None:
            self._head_since = self._loop.time()

    def pause_writing(self) -> None:
        """Hear that the client does not take its answer as fast as it could be sent."""
        super().pause_writing()
        self._answer_since = self._loop.time()

    def resume_writing(self) -> None:
        """Hear that most of it was taken."""
        super().resume_writing()
        self._answer_since = None

    def look(self) -> None:
        """End this connection if its client is too slow; `server.listening` calls it once in a while."""
        now = self._loop.time()
        if self.transport is None:
            return
        if self._answer_since is not None and now - self._answer_since > TAKE_SECONDS:
            _log.info("http.not_taken", seconds=TAKE_SECONDS)
            self.transport.abort()  # and let go of what waits to be taken
        elif self._head_since is not None and now - self._head_since > HEAD_SECONDS and self._is_idle():
            self.transport.write(_TOO_SLOW)
            self.force_close()

    def _is_idle(self) -> bool:
        """Whether a request is waited for: bytes that come while one is worked on may be its body."""
        return self._waiter is not None and not self._waiter.done()

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what is no request, and to what failed outside of the middleware; the connection ends with it.

        Raises:
            ConnectionError: an answer was begun already.
        """
        if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            problem = _malformed(exc, message or "")
            metrics.http_requests.labels(_MALFORMED, str(int(problem.status))).inc()
            _log.debug("http.not_understood", kind=type(exc).__name__, status=int(problem.status))
        else:
            problem = problems.failed()
            _log.error("http.connection_failed", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError
        response = problems.response(problem)
        response.headers.update(problems.ALWAYS)
        response.force_close()
        return response

    def log_exception(self, *_args: Any, **kw: Any) -> None:
        """Log what aiohttp could not handle; only what it is, as its words may hold what the client sent."""
        _log.warning("http.connection_failed", kind=type(kw.get("exc_info")).__name__)


def _malformed(error: BaseException | None, message: str) -> Problem:
    """What is wrong with something that is no request, without repeating any of it."""
    if "HTTPS" in message:
        return Problem(HTTPStatus.BAD_REQUEST, "this port speaks HTTP; write http:// instead of https://")
    if isinstance(error, BadHttpMethod):
        return Problem(
            HTTPStatus.METHOD_NOT_ALLOWED,
            f"no method of this name is known; there are {METHODS}",
            headers={"Allow": METHODS},
        )
    if isinstance(error, LineTooLong):
        return Problem(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            f"the path or a header is longer than {LONGEST_LINE // 1024} KiB; shorten it",
        )
    if message.startswith("Too many headers"):
        return Problem(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            f"there are more than {MOST_HEADERS} headers; send fewer",
        )
    return Problem(
        HTTPStatus.BAD_REQUEST,
        "this is no request of HTTP/1.1: the path, a header or a length is malformed; a key must be one line without spaces",
    )


def _whole(problem: Problem) -> bytes:
    """The bytes of an answer that ends the connection."""
    response = problems.response(problem)
    body = response.body
    assert isinstance(body, bytes)
    head = {
        **response.headers,
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    lines = [
        f"HTTP/1.1 {problem.status} {problem.status.phrase}",
        *(f"{name}: {value}" for name, value in head.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


_TOO_SLOW = _whole(
    Problem(
        HTTPStatus.REQUEST_TIMEOUT,
        "the headers did not come to their end in time; send the whole request at once",
    )
)
