"""The HTTP server over a snapshot that the test holds in its hand, on a free port of the loopback."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson
from yarl import URL

from servicegraph.clock import SteppedClock
from servicegraph.model.ports import Freshness
from servicegraph.model.records import EdgeRecord
from servicegraph.model.submission import Counts, Receipt
from servicegraph.settings import Settings
from servicegraph_api.app import create_app
from servicegraph_api.guard import Guard
from servicegraph_api.limits import Limits
from servicegraph_api.server import listening
from support.keyed import KEY, HeldRing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from multidict import CIMultiDictProxy

    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.model.alert import TransitionRecord
    from servicegraph.model.ids import ServiceKey
    from servicegraph.model.records import ProviderRecord, Records
    from servicegraph.model.submission import Submission
    from servicegraph_api.shared import SharedBuckets


@dataclass
class HeldReader:
    """A graph reader whose graph and freshness the test sets."""

    snapshot: Snapshot | None = None
    fresh: Freshness = field(default_factory=lambda: Freshness(stale=False, age=0.0))

    def current(self) -> Snapshot | None:
        return self.snapshot

    def freshness(self) -> Freshness:
        return self.fresh


@dataclass
class HeldHistory:
    """The history that the test sets: what happened to any alert, or why it cannot be asked."""

    told: list[TransitionRecord] = field(default_factory=list)
    problem: Exception | None = None
    hangs: bool = False

    async def __call__(self, name: str, /) -> list[TransitionRecord]:
        if self.hangs:
            await asyncio.Event().wait()
        if self.problem is not None:
            raise self.problem
        return [one for one in self.told if one.transition.alert == name]


@dataclass
class HeldRecords:
    """The records that the test sets: of edges by their ids, of providers, or why they cannot be asked."""

    edges: dict[tuple[str, str], EdgeRecord] = field(default_factory=dict)
    listed: list[ProviderRecord] = field(default_factory=list)
    problem: Exception | None = None
    hangs: bool = False

    async def edge(self, source: ServiceKey, target: ServiceKey) -> EdgeRecord:
        await self._asked()
        return self.edges.get((str(source), str(target)), EdgeRecord(0))

    async def providers(self) -> list[ProviderRecord]:
        await self._asked()
        return self.listed

    async def _asked(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.problem is not None:
            raise self.problem


@dataclass
class HeldCommit:
    """Takes what is sent; the test sets why it cannot be stored."""

    taken: list[Submission] = field(default_factory=list)
    problem: Exception | None = None

    async def __call__(self, submission: Submission, /) -> Receipt:
        if self.problem is not None:
            raise self.problem
        self.taken.append(submission)
        made = Counts(created=len(submission.statements)), Counts(created=len(submission.observations))
        return Receipt(7, *made)


@dataclass
class HeldHealth:
    """The health that the test sets."""

    is_alive: bool = True
    failing: dict[str, str] = field(default_factory=dict)

    def alive(self) -> bool:
        return self.is_alive

    def degraded(self) -> dict[str, str]:
        return self.failing


@dataclass(frozen=True, slots=True)
class Reply:
    """What came over the wire."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def detail(self) -> str:
        """The sentence of a problem document; fails for anything else."""
        assert self.headers["Content-Type"] == "application/problem+json", self
        assert self.json["status"] == self.status
        assert self.json["title"]
        detail: str = self.json["detail"]
        return detail


@dataclass
class Serving:
    """A server and what it serves."""

    url: str
    session: aiohttp.ClientSession
    reader: HeldReader
    health: HeldHealth
    history: HeldHistory
    ring: HeldRing
    clock: SteppedClock
    commit: HeldCommit

    async def get(self, path: str, method: str = "GET", key: str | None = KEY, **headers: str) -> Reply:
        """Ask for `path`, sent exactly as it is written; header names with _ for -. No key is sent where it is None."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named |= {} if key is None else {"X-API-Key": key}
        url = URL(self.url + path, encoded=True)
        async with self.session.request(method, url, headers=named) as response:
            return Reply(response.status, response.headers, await response.read())

    async def document(self, path: str) -> Any:
        """The JSON of a 200."""
        reply = await self.get(path)
        assert reply.status == 200, reply
        assert reply.headers["Content-Type"] == "application/json"
        return reply.json


@asynccontextmanager
async def serving(
    snapshot: Snapshot | None,
    records: Records | None = None,
    *,
    shared: SharedBuckets | None = None,
    **settings: Any,
) -> AsyncIterator[Serving]:
    """Serve `snapshot` for the time of the block, to a client that sends the key of the tests.

    Args:
        snapshot: the graph.
        records: the words behind it; without them nothing is known of those.
        shared: buckets shared with other servers.
        settings: those that are not the default ones.
    """
    reader, history, health = HeldReader(snapshot), HeldHistory(), HeldHealth()
    ring, clock, commit = HeldRing(), SteppedClock(), HeldCommit()
    chosen = Settings(**settings)
    guard = Guard(ring, Limits(clock, shared), clock, chosen)
    app = create_app(reader, history, records or HeldRecords(), health, chosen, guard, clock, commit)
    async with listening(app, "127.0.0.1", 0) as url, aiohttp.ClientSession() as session:
        yield Serving(url, session, reader, health, history, ring, clock, commit)
