"""Who asks, and whether they may: keys, scopes and limits, before anything else is done for a request.

Of a key that is known, a request costs one SHA-256 and a comparison; nothing is asked of anybody. What a key is refused for
is said as plainly as it can be without telling strangers anything: a wrong secret is no different from a key that does not
exist.
"""

from __future__ import annotations

import ipaddress
from http import HTTPStatus
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import unquote

from aiohttp import hdrs

from servicegraph import metrics
from servicegraph.model.apikey import SHAPE, Scope, id_of
from servicegraph_api.limits import Kind
from servicegraph_api.problems import Problem

if TYPE_CHECKING:
    from aiohttp import web

    from servicegraph.clock import Clock
    from servicegraph.model.apikey import ApiKey
    from servicegraph.model.ports import KeyRing
    from servicegraph.settings import Settings
    from servicegraph_api.buckets import Verdict
    from servicegraph_api.limits import Limits

_HEADER = "X-API-Key"
_BEARER = "bearer "
_ID = slice(3, 11)
"""Where the id stands in a key."""
_SEND = "send it as the header X-API-Key, or as Authorization: Bearer"


class Guard:
    """Lets requests in.

    Args:
        ring: the keys.
        limits: who may ask how often.
        clock: tells which keys have expired.
        settings: limits where a key has none of its own, and whether reading needs a key.
    """

    def __init__(self, ring: KeyRing, limits: Limits, clock: Clock, settings: Settings) -> None:
        self._ring = ring
        self._limits = limits
        self._clock = clock
        self._anonymous_read = settings.anonymous_read
        self._query_limit = settings.rate_limit_query
        self._ingestion_limit = settings.rate_limit_ingestion

    async def admit(self, request: web.Request, scope: Scope | None) -> tuple[ApiKey | None, Verdict | None]:
        """The key that `request` came with, and what to tell about its limit; either may be None.

        Args:
            request: with its headers; nothing more is read.
            scope: what the route asks for; None asks for nothing.

        Raises:
            Problem: 400, 401, 403 or 429.
            StoreUnavailable: it cannot be told now whether the key exists.
        """
        _refuse_key_in_url(request.raw_path)
        if scope is None:
            return None, None
        text = _given(request)
        if text is None:
            if not (self._anonymous_read and scope is Scope.READ):
                self._refuse(request, "missing", f"this needs an API key; {_SEND}. {_MAKE}")
            return None, await self._limits.take(Kind.QUERY, _address(request), self._query_limit)
        key = self._ring.known(text[_ID])
        if key is None or not key.opens_with(text):
            key = await self._stranger(request, text)
        if key.may_end and (problem := key.problem(self._clock.now())) is not None:
            reason = "expired" if key.revoked_at is None else "revoked"
            self._refuse(request, reason, f"the key {key.id} {problem}. {_MAKE}")
        if scope is Scope.READ:
            limit = self._query_limit if key.query_limit is None else key.query_limit
            verdict = await self._limits.take(Kind.QUERY, key.id, limit)
        else:
            limit = self._ingestion_limit if key.ingestion_limit is None else key.ingestion_limit
            verdict = await self._limits.take(Kind.INGESTION, key.id, limit)
        if not key.scope.includes(scope):
            metrics.auth_failures.labels("scope").inc()
            headers: dict[str, str] = {}
            if verdict is not None:
                verdict.tell(headers)
            raise Problem(
                HTTPStatus.FORBIDDEN,
                f"the key {key.id} allows {key.scope}, and this needs {scope}; make another:"
                f" servicegraph api-keys create --name {key.name} --scope {scope}",
                headers=headers,
            )
        self._ring.used(key)
        return key, verdict

    async def _stranger(self, request: web.Request, text: str) -> ApiKey:
        """The key `text`, which is not known as such: it may be new, or none."""
        key_id = id_of(text)
        if key_id is None:
            self._refuse(
                request,
                "malformed",
                "this is no key of servicegraph, or not all of it: one reads sg_, 8 letters or digits, _ and 49 more",
            )
        self._limits.fail(_address(request))
        key = await self._ring.look_up(key_id)
        if key is None or not key.opens_with(text):
            raise _unauthorized("unknown", f"there is no such key here. {_MAKE}")
        return key

    def _refuse(self, request: web.Request, reason: str, detail: str) -> NoReturn:
        """Count a failure of the sender.

        Raises:
            Problem: 401, or 429 for who fails too often.
        """
        self._limits.fail(_address(request))
        raise _unauthorized(reason, detail)


_MAKE = "servicegraph api-keys create makes one"


def _unauthorized(reason: str, detail: str) -> Problem:
    metrics.auth_failures.labels(reason).inc()
    challenge = {"WWW-Authenticate": 'Bearer realm="servicegraph"'}
    return Problem(HTTPStatus.UNAUTHORIZED, detail, headers=challenge)


def _given(request: web.Request) -> str | None:
    """The key as the headers give it; None without one."""
    text = request.headers.get(_HEADER)
    if text is None:
        bearer = request.headers.get(hdrs.AUTHORIZATION)
        if bearer is None or bearer[: len(_BEARER)].lower() != _BEARER:
            return None
        text = bearer[len(_BEARER) :]
    return text.strip()


def _refuse_key_in_url(path: str) -> None:
    """Refuse a key in the URL, where every proxy and browser keeps it.

    Raises:
        Problem: 400. It does not repeat the key.
    """
    if "sg_" not in path and "%" not in path:
        return
    if SHAPE.search(path) or SHAPE.search(unquote(path)):
        metrics.auth_failures.labels("in_url").inc()
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            f"a key in the URL ends in logs and histories, so it is not taken from there: {_SEND}."
            " Revoke this one (servicegraph api-keys revoke) and make another",
        )


def _address(request: web.Request) -> str:
    """What tells senders without a key apart: the IPv4 address, or the /64 of an IPv6 address, which one sender can have."""
    try:
        address = ipaddress.ip_address((request.remote or "").partition("%")[0])
    except ValueError:
        return "-"
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped or ipaddress.IPv6Network((int(address), 64), strict=False))
    return str(address)
