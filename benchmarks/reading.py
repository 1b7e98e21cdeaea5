"""What it costs to read: a snapshot against COPY of the columns it is made of, a walk against a recursive query."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from benchmarks.rows import Row, Work, seconds, shown

from servicegraph.graph.traverse import Direction, subgraph
from servicegraph.store.engine import transaction
from servicegraph.store.snapshot import load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.databases import Database
    from benchmarks.graphs import Size
    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.graph.snapshot import Snapshot

    Answer = tuple[dict[str, int], set[tuple[str, str]]]

LOAD_LIMIT, WALK_LIMIT = 3.0, 1.0
_WALKS = 10
_HOPS = 3
_EVERYTHING = 10_000_000

_READ = {
    "services": ["id", "cluster", "namespace", "name", "kind"],
    "statements": ["provider", "object", "service", "technology", "team", "criticality", "target", "labels"],
    "objects": ["id", "created_at", "namespace", "name", "uid"],
    "observations": [
        "source",
        "target",
        "provider",
        "object",
        "evidence",
        "mode",
        "requirement",
        "absent_since",
        "confirmed",
        "stale",
        "quarantined",
        "alertable",
        "accepted",
        "protocol",
        "first_seen",
        "last_seen",
    ],
}
"""What a snapshot is made of."""

# Nothing carries a path: the number of paths grows exponentially where there are circles.
_WALK = """
WITH RECURSIVE walk (node, depth) AS (
    SELECT id, 0 FROM services WHERE printed = $1
    UNION
    SELECT o.target, w.depth + 1
    FROM walk w JOIN observations o ON o.source = w.node
    WHERE w.depth < $2 AND NOT o.stale AND NOT o.quarantined
)
"""
_REACHED = f"""{_WALK}
SELECT s.printed, min(w.depth) AS distance FROM walk w JOIN services s ON s.id = w.node GROUP BY s.printed
"""
_AMONG = f"""{_WALK}
SELECT DISTINCT s.printed AS source, t.printed AS target
FROM observations o JOIN services s ON s.id = o.source JOIN services t ON t.id = o.target
WHERE o.source = ANY (ARRAY(SELECT node FROM walk)) AND o.target = ANY (ARRAY(SELECT node FROM walk))
  AND NOT o.stale AND NOT o.quarantined
"""


def loading(graph: Database, size: Size) -> Row:
    """A snapshot from nothing, merged and with both directions, against binary COPY of the same columns."""
    engine = graph.engine
    ours, copy = seconds(Work(lambda: graph.run(load(engine))), Work(lambda: graph.run(_copy_out(engine))))
    measure = f"COPY of the same columns {shown(copy)}"
    return Row("snapshot loaded", str(size), shown(ours), measure, ours / copy, LOAD_LIMIT)


def walking(graph: Database, size: Size) -> Row:
    """Three hops in a snapshot against the same question as a recursive query; both must give the same answer.

    Raises:
        AssertionError: they do not.
    """
    engine = graph.engine
    snapshot = graph.run(load(engine))
    roots = np.random.default_rng(3).integers(0, len(snapshot.nodes), _WALKS).tolist()
    ids = [str(snapshot.nodes[root].key) for root in roots]
    for root, answer in zip(roots, graph.run(_query(engine, ids)), strict=True):
        assert _walk(snapshot, root) == answer, snapshot.nodes[root].key
    ours, query = seconds(
        Work(lambda: [_walk(snapshot, root) for root in roots]), Work(lambda: graph.run(_query(engine, ids)))
    )
    measure = f"recursive query {shown(query / _WALKS)}"
    return Row(f"{_HOPS} hops", str(size), shown(ours / _WALKS), measure, ours / query, WALK_LIMIT)


def _walk(snapshot: Snapshot, root: int) -> Answer:
    """The distance of each service within the hops, and all edges among them."""
    found = subgraph(
        snapshot, root, Direction.DOWNSTREAM, _HOPS, max_nodes=_EVERYTHING, max_edges=_EVERYTHING
    )
    name = {at: str(snapshot.nodes[at].key) for at in found.nodes.tolist()}
    sources, targets = (ends[found.edges].tolist() for ends in (snapshot.edges.source, snapshot.edges.target))
    return (
        dict(zip(name.values(), found.distance.tolist(), strict=True)),
        {(name[source], name[target]) for source, target in zip(sources, targets, strict=True)},
    )


async def _query(engine: AsyncEngine, ids: Sequence[str]) -> list[Answer]:
    answers = []
    async with transaction(engine, read_only=True) as conn:
        for printed in ids:
            reached = await conn.fetch(_REACHED, printed, _HOPS)
            among = await conn.fetch(_AMONG, printed, _HOPS)
            answers.append(
                (
                    {row["printed"]: row["distance"] for row in reached},
                    {(row["source"], row["target"]) for row in among},
                )
            )
    return answers


async def _copy_out(engine: AsyncEngine) -> None:
    async with transaction(engine, read_only=True) as conn:
        for table, columns in _READ.items():
            await conn.copy_from_table(table, columns=columns, output=_dropped, format="binary")


async def _dropped(_: bytes) -> None:
    """Take what comes and keep nothing."""
