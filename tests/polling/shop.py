"""A backend that shows the calls that a test gives it, or fails as the test wants it to."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from support.backends import answering

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Pair = tuple[str, str]


@dataclass
class Shop:
    """What it shows, and how it is: read at each question."""

    url: str = ""
    calls: set[Pair] = field(default_factory=set)
    """Who calls whom, as `namespace/name`."""
    status: int = 200
    token: str = ""
    """Where set, whoever does not bring it gets 401."""
    open: asyncio.Event = field(default_factory=asyncio.Event)
    """While cleared, questions wait."""
    asked: int = 0
    """Questions so far."""
    at_once: int = 0
    """Those that are being answered."""
    most_at_once: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one question."""
        self.asked += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.open.wait()
        finally:
            self.at_once -= 1
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({}, status=401)
        if self.status != 200:
            trouble = {"status": "error", "errorType": "internal", "error": "out of order"}
            return web.json_response(trouble, status=self.status)
        series = [{"metric": _labels(*pair), "value": [1_767_225_600, "1"]} for pair in sorted(self.calls)]
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": series}})


def _labels(client: str, server: str) -> dict[str, str]:
    labels = {}
    for end, printed in (("client", client), ("server", server)):
        namespace, _, labels[end] = printed.rpartition("/")
        labels[f"{end}_k8s_namespace_name"] = namespace
    return labels


@contextlib.asynccontextmanager
async def opened() -> AsyncIterator[Shop]:
    """One for the time of the block."""
    shop = Shop()
    shop.open.set()
    async with answering(shop.answer) as backend:
        shop.url = backend.url
        try:
            yield shop
        finally:
            shop.open.set()
