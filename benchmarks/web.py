"""Rows over HTTP: an answer with key, limit and metrics against a bare aiohttp hello, in one process and one run."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from statistics import median
from typing import TYPE_CHECKING

from benchmarks import graphs, web_load
from benchmarks.rows import Row, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.web_load import Load

CLIENTS = 200
_ROUNDS = 5
_SECONDS = 2.0
_ONE_BY_ONE = 1_000


@dataclass(frozen=True, slots=True)
class Served:
    """The server process: where its two applications are, and what to ask."""

    ours: str
    hello: str
    key: str
    path: str

    def greeting(self) -> bytes:
        """The request for a hello."""
        return web_load.request(self.hello, "/", self.key)

    def known(self) -> bytes:
        """A request whose answer is remembered."""
        return web_load.request(self.ours, self.path, self.key)

    def new(self, number: int) -> bytes:
        """A request that nobody has made before; the answer is the same."""
        return web_load.request(self.ours, f"{self.path}&min_confidence=0.{number:09}", self.key)


def rows() -> Iterator[Row]:
    """All rows of this module, one after the other."""
    with _server() as served:
        size = str(graphs.SIZES[0])
        yield from _crowd(served, size)
        yield _unknown(served, size)


def _crowd(served: Served, size: str) -> Iterator[Row]:
    """Many clients at once ask for what is remembered, and for a hello, in turns."""
    ours: list[Load] = []
    hello: list[Load] = []
    for _ in range(_ROUNDS):
        hello.append(web_load.many(served.hello, served.greeting(), CLIENTS, _SECONDS))
        ours.append(web_load.many(served.ours, served.known(), CLIENTS, _SECONDS))
    failed = sum(load.failed for load in ours)
    assert not failed, f"{failed} answers were none"
    rate, bare = (median(load.rate for load in loads) for loads in (ours, hello))
    yield Row(
        "3 hops over HTTP, remembered, each",
        size,
        f"{rate:,.0f}/s",
        f"aiohttp's hello {bare:,.0f}/s",
        bare / rate,
        1 / 0.6,
    )
    slow, usual = (median(load.percentile(which) for load in ours) for which in (99, 50))
    yield Row(
        f"the same, p99 of {CLIENTS} clients", size, shown(slow), f"p50 {shown(usual)}", slow / usual, 4
    )


def _unknown(served: Served, size: str) -> Row:
    """One client asks for what has to be worked out, and for a hello, in turns."""
    numbers = count()
    ours, hello = [], []
    for _ in range(_ROUNDS):
        hello.append(web_load.one(served.hello, served.greeting, _ONE_BY_ONE))
        ours.append(web_load.one(served.ours, lambda: served.new(next(numbers)), _ONE_BY_ONE))
    return Row(
        "3 hops over HTTP, worked out",
        size,
        shown(median(ours)),
        f"aiohttp's hello {shown(median(hello))}",
        median(ours) / median(hello),
        2,
    )


@contextmanager
def _server() -> Iterator[Served]:
    with subprocess.Popen(
        (sys.executable, "-m", "benchmarks.web_server"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield Served(**json.loads(process.stdout.readline()))
        finally:
            process.communicate()
