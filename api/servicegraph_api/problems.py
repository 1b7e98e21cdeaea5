"""Errors as problem documents (RFC 9457), every one of them, so that a client parses one shape.

Handlers raise; `middleware` turns what they raise into a response with `of` and `response`. No problem tells about internals:
what is not foreseen here is a plain 500 whose cause stands in the log.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

from servicegraph.errors import BadInput, Retry, ServicegraphError

if TYPE_CHECKING:
    from collections.abc import Mapping

ALWAYS = {"Server": "servicegraph", "X-Content-Type-Options": "nosniff"}
"""Headers of every answer."""

_RETRY_AFTER = "1"
"""Seconds: what passes by itself here (a first load, a failover) takes about as long."""


class Problem(ServicegraphError):
    """A request that is not answered as asked.

    Args:
        status: the HTTP status.
        detail: what is wrong with this request and how to mend it.
        headers: further headers of the response.
        members: further members of the document, JSON values.
    """

    reason = "Refused"

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = dict(headers or {})
        self.members = dict(members or {})


def not_ready(detail: str) -> Problem:
    """The 503 of what will pass by itself, with when to ask again."""
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": _RETRY_AFTER})


def of(error: Exception, request: web.Request) -> Problem:
    """The problem that `error`, raised while answering `request`, is for the client."""
    match error:
        case Problem():
            return error
        case web.HTTPException():
            return _of_http(error, request)
        case BadInput():
            return Problem(HTTPStatus.BAD_REQUEST, error.message)
        case ServicegraphError() if error.retry is not Retry.NEVER:
            return not_ready(error.message)
        case _:
            return failed()


def _of_http(error: web.HTTPException, request: web.Request) -> Problem:
    """The problem for what aiohttp itself refuses."""
    match error:
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            detail = f"{cut(request.method)} is not possible on this path; it takes {allowed}"
            return Problem(HTTPStatus.METHOD_NOT_ALLOWED, detail, headers={"Allow": allowed})
        case web.HTTPNotFound():
            return Problem(HTTPStatus.NOT_FOUND, f"nothing is served at {cut(request.path)}")
        case _ if error.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return Problem(HTTPStatus(error.status), error.reason)
        case _:
            return failed()


def failed() -> Problem:
    """The 500 of what nobody foresaw, which tells nothing about the inside."""
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the server failed; its log has the reason")


def response(problem: Problem) -> web.Response:
    """The problem document of `problem`."""
    document = {
        "type": "about:blank",
        "title": problem.status.phrase,
        "status": int(problem.status),
        "detail": problem.message,
        **problem.members,
    }
    return web.Response(
        status=problem.status,
        body=orjson.dumps(document),
        content_type="application/problem+json",
        headers={"Cache-Control": "no-store", **problem.headers},
    )


def cut(text: str, most: int = 80) -> str:
    """`text` quoted for a message: no control characters, `most` characters at most."""
    return repr(text if len(text) <= most else f"{text[:most]}…")
