"""One question to one backend over HTTP, and its answer as it comes. `poll` asks twice.

Nothing is followed, unpacked, kept or retried: a redirect is an answer to be told, a compressed one was not asked for, and the
next try is the next poll.
"""

from __future__ import annotations

import base64
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp

from servicegraph import __version__
from servicegraph.discovery import failures
from servicegraph.discovery.answers import Reader
from servicegraph.discovery.failures import Unanswered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection

    from servicegraph.discovery.access import Access
    from servicegraph.discovery.answers import Remarks, Series

_PIECE = 64 * 1024
_MOST_OF_AN_ERROR = 16 * 1024
_CONNECT_SECONDS = 10


@asynccontextmanager
async def reaching(access: Access) -> AsyncIterator[aiohttp.ClientSession]:
    """A session for the questions of one poll.

    Raises:
        Unanswered: certificates, token or password cannot be used.
    """
    headers = _headers(access)
    connector = aiohttp.TCPConnector(limit=1, ssl=_trust(access))
    async with aiohttp.ClientSession(
        connector=connector,
        headers=headers,
        timeout=aiohttp.ClientTimeout(
            total=access.timeout, sock_connect=min(_CONNECT_SECONDS, access.timeout)
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    ) as session:
        yield session


async def ask(
    session: aiohttp.ClientSession,
    access: Access,
    query: str,
    wanted: Collection[str],
    take: Callable[[Series], object],
) -> Remarks:
    """Have `query` answered; each series goes to `take`, with those of its labels that are `wanted`.

    Raises:
        Unanswered: for whatever reason; what went to `take` before is then worth nothing.
    """
    reader = Reader(access, wanted, take)
    seconds = {"query": query, "timeout": f"{access.timeout:g}s"}
    try:
        async with session.get(
            f"{access.url}/api/v1/query", params=seconds, allow_redirects=False
        ) as response:
            if response.status // 100 != 2:
                said = await _beginning(response.content)
                raise failures.by_status(response.status, said, response.headers.get("Location", ""))
            async for piece in response.content.iter_chunked(_PIECE):
                reader.feed(piece)
    except (aiohttp.ClientError, TimeoutError, OSError, UnicodeError) as error:
        raise failures.by_connection(error, access.timeout) from error
    return reader.end()


async def _beginning(content: aiohttp.StreamReader) -> bytes:
    """So much of a body as the message of an error may take."""
    body = b""
    while len(body) < _MOST_OF_AN_ERROR and (piece := await content.read(_MOST_OF_AN_ERROR - len(body))):
        body += piece
    return body


def _headers(access: Access) -> dict[str, str]:
    """What is sent with each question."""
    headers = {
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": f"servicegraph/{__version__}",
    }
    if access.bearer:
        headers["Authorization"] = f"Bearer {_token(access.bearer)}"
    if access.basic:
        headers["Authorization"] = f"Basic {base64.b64encode(access.basic.encode()).decode()}"
    if access.tenant:
        headers["X-Scope-OrgID"] = access.tenant
    return headers


def _token(text: str) -> str:
    """The token, which must be one word: what else it holds could become another header."""
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise Unanswered(failures.INVALID_CREDENTIALS, "the token in the Secret is not one word of ASCII")
    return text


def _trust(access: Access) -> ssl.SSLContext | bool:
    """Whom to believe that a certificate is right."""
    if not access.authority:
        return True
    try:
        return ssl.create_default_context(cadata=access.authority)
    except (ssl.SSLError, ValueError) as error:
        raise Unanswered(
            failures.INVALID_CREDENTIALS, "what caSecretRef points to holds no certificates (PEM)"
        ) from error
