"""Reading a body that somebody sends: no more than there is room for, and not for longer than a minute."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import hdrs

from servicegraph_api.problems import Problem, cut

if TYPE_CHECKING:
    from aiohttp import web

SECONDS = 60.0
"""How long a body may take to come."""

_PIECE = 64 * 1024
_MIB = 1024 * 1024


async def read(request: web.Request, most: int, instead: str) -> bytes:
    """The body of `request`.

    Args:
        request: whose body was not read yet.
        most: bytes that it may have, whole MiB.
        instead: what to do where it has more, in words.

    Raises:
        Problem: 413 as soon as it is known that there are more, 415 for a packed body, 408 for one that does
            not come to its end.
    """
    packing = request.headers.get(hdrs.CONTENT_ENCODING, "identity")
    if packing != "identity":
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"Content-Encoding {cut(packing)} is not taken; send the body as it is",
        )
    if (request.content_length or 0) > most:
        raise _too_long(most, instead)
    parts: list[bytes] = []
    length = 0
    try:
        async with asyncio.timeout(SECONDS):
            async for part in request.content.iter_chunked(_PIECE):
                length += len(part)
                if length > most:
                    raise _too_long(most, instead)
                parts.append(part)
    except TimeoutError:
        raise Problem(
            HTTPStatus.REQUEST_TIMEOUT,
            "the body did not come to its end in time; send all of it at once, or less",
            headers={"Connection": "close"},
        ) from None
    return b"".join(parts)


def _too_long(most: int, instead: str) -> Problem:
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is longer than {most // _MIB} MiB; {instead}"
    )
