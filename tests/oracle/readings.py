"""What the product holds and says, read from outside: Postgres by plain SQL, HTTP by plain requests.

Both become a `Reading` in the words of `oracle.fold`, so that the checkers (`oracle.invariants`) compare like with like.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar
from urllib.parse import quote, urlencode

import asyncpg

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    Connection = asyncpg.Connection[asyncpg.Record]

T = TypeVar("T")
VERSION = "X-Graph-Version"
Fields = dict[str, Any]
_EVERYTHING = {"include_stale": "true", "include_quarantined": "true", "limit": "1000"}


class Answer(Protocol):
    """An answer over HTTP."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...


class Server(Protocol):
    """The HTTP server of the product; `support.operators.Operator` is one."""

    def get(self, path: str) -> Answer: ...
    def metric(self, name: str, **labels: str) -> float: ...


class Recorder:
    """A server whose answers are remembered: the version of each, in the order in which they came."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.versions: list[int] = []

    def get(self, path: str) -> Answer:
        """Ask, and remember which version answered."""
        answer = self._server.get(path)
        if VERSION in answer.headers:
            self.versions.append(int(answer.headers[VERSION]))
        return answer

    def metric(self, name: str, **labels: str) -> float:
        """The value of a metric."""
        return self._server.metric(name, **labels)


class Reading(NamedTuple):
    """A graph of one version: of each node and edge the fields that can be seen there, named as in `oracle.fold`."""

    version: int
    nodes: dict[str, Fields]
    edges: dict[tuple[str, str], Fields]


class Evidence(NamedTuple):
    """One observation as it is stored, and the object that said it."""

    provider: str
    uid: str | None
    generation: int | None
    source: str
    target: str


class Refused(Exception):
    """An answer over HTTP that is no 200."""


def asked(url: str, question: Callable[[Connection], Coroutine[Any, Any, T]]) -> T:
    """What the database at `url` answers to `question`, at one moment; for where no event loop runs."""

    async def ask() -> T:
        conn = await asyncpg.connect(url)
        try:
            async with conn.transaction(isolation="repeatable_read", readonly=True):
                return await question(conn)
        finally:
            await conn.close()

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(ask())


async def graph(conn: Connection) -> Reading:
    """The graph that Postgres holds: services with their statements, and the view of edges."""
    nodes: dict[str, Fields] = {}
    for row in await conn.fetch(
        """
        SELECT s.printed, t.technology, t.team, t.criticality, t.target, t.labels::text, t.service IS NULL AS discovered
        FROM services s LEFT JOIN statements t ON t.service = s.id
        LEFT JOIN providers p ON p.id = t.provider LEFT JOIN objects o ON o.id = t.object
        ORDER BY p.evidence_group <> 'declared', o.created_at, o.namespace, o.name, o.uid, p.name
        """
    ):
        node = nodes.setdefault(row["printed"], dict.fromkeys(tuple(row.keys())[1:]))
        for field, value in tuple(row.items())[1:]:
            said = tuple(sorted(json.loads(value or "{}").items())) if field == "labels" else value
            node[field] = node[field] or said
    edges = {
        (row["source"], row["target"]): {**row, "providers": frozenset(row["providers"])}
        for row in await conn.fetch("SELECT * FROM edges")
    }
    return Reading(await conn.fetchval("SELECT version FROM graph_meta"), nodes, edges)


async def evidence(conn: Connection) -> list[Evidence]:
    """Every observation that Postgres holds."""
    rows = await conn.fetch(
        """
        SELECT p.name, o.uid, o.generation, s.printed, t.printed
        FROM observations b LEFT JOIN providers p ON p.id = b.provider LEFT JOIN objects o ON o.id = b.object
        LEFT JOIN services s ON s.id = b.source LEFT JOIN services t ON t.id = b.target
        """
    )
    return [Evidence(*row) for row in rows]


async def generations(conn: Connection) -> dict[str, int]:
    """The generation of each stored object, by its uid."""
    return {row["uid"]: row["generation"] for row in await conn.fetch("SELECT uid, generation FROM objects")}


async def addresses(conn: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """By table: where each row lies, which transaction wrote it, which touched it last. Equal means: nothing was written."""
    tables = await conn.fetch(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
    )
    return {
        name: [tuple(row) for row in await conn.fetch(f'SELECT ctid, xmin, xmax FROM "{name}" ORDER BY 1')]
        for (name,) in tables
    }


def served(server: Server, details: int = 100) -> Reading:
    """The graph that HTTP shows, all of it and of one version; the single answer of at most `details` services.

    Raises:
        Refused: an answer is no 200.
    """
    while True:
        of_nodes, nodes = _pages(server, "/api/v1/services")
        of_edges, edges = _pages(server, "/api/v1/edges")
        every = max(1, len(nodes) // details)
        single = [_json(server, _path(one)) for one in nodes[::every]]
        versions = {*of_nodes, *of_edges, *(one["graph_version"] for one in single)}
        if len(versions) == 1:
            break  # else the graph has moved in between
    return Reading(
        versions.pop(),
        {
            one["id"]: {field: one[field] for field in ("technology", "team", "criticality", "discovered")}
            for one in nodes
        }
        | {
            one["id"]: {
                "technology": one["technology"],
                "team": one["team"],
                "criticality": one["criticality"],
                "target": one["availability_target"],
                "labels": tuple(sorted(one["labels"].items())),
                "discovered": one["discovered"],
            }
            for one in single
        },
        {
            (one["source"], one["target"]): {
                **{field: one[field] for field in ("protocol", "mode", "requirement", "confidence", "stale")},
                "providers": frozenset(provider["name"] for provider in one["providers"]),
            }
            for one in edges
        },
    )


def _pages(server: Server, path: str) -> tuple[set[int], list[Fields]]:
    cursor: dict[str, str] = {}
    versions, items = set(), []
    while True:
        page = _json(server, f"{path}?{urlencode({**_EVERYTHING, **cursor})}")
        versions.add(page["graph_version"])
        items += page["items"]
        if page["next_cursor"] is None:
            return versions, items
        cursor = {"cursor": page["next_cursor"]}


def _path(node: Fields) -> str:
    place = f"{quote(node['namespace'] or '-', safe='')}/{quote(node['name'], safe='')}"
    return f"/api/v1/services/{place}?{urlencode({'kind': node['kind'], 'cluster': node['cluster']})}"


def _json(server: Server, path: str) -> Any:
    answer = server.get(path)
    if answer.status != 200:
        raise Refused(f"{path} answers {answer.status}: {answer.body[:200]!r}")
    return json.loads(answer.body)
