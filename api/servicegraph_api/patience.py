"""How long an answer waits for Postgres: not for as long as a connection to it may hang."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from servicegraph.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")

SECONDS = 5.0
"""The longest wait."""


async def patiently(answer: Awaitable[T], instead: str) -> T:
    """Wait for what Postgres is asked.

    Raises:
        StoreUnavailable: it does not answer in time; with what to do `instead`, in words.
    """
    try:
        async with asyncio.timeout(SECONDS):
            return await answer
    except TimeoutError:
        raise StoreUnavailable(f"Postgres does not answer; {instead}") from None
