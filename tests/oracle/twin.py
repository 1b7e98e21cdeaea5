"""The subgraph around a service, asked of Postgres in one statement: a second implementation beside the snapshot's walks.

It goes over the view `edges` by recursion. `UNION` on (node, depth) ends every circle; there are at most nodes times depth such
pairs; a path in the rows would make them exponential. Filters narrow the edges before anything is walked. A quarantined edge is
shown with its far end, but nothing that lies behind it is walked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import asyncpg

    Connection = asyncpg.Connection[asyncpg.Record]


class Question(NamedTuple):
    """What `/services/{namespace}/{name}/dependencies` can be asked, in its words."""

    root: str
    """The printed id."""
    direction: str = "downstream"
    depth: int = 3
    include_stale: bool = False
    include_quarantined: bool = False
    min_confidence: float = 0.0
    provider: str | None = None
    mode: str | None = None
    requirement: str | None = None


class Subgraph(NamedTuple):
    """The distance of each node from the root, and all edges among the nodes that pass the filters."""

    distances: dict[str, int]
    edges: set[tuple[str, str]]


_SUBGRAPH = """
WITH RECURSIVE passing AS MATERIALIZED (
    SELECT * FROM edges
    WHERE ($4 OR NOT stale) AND ($5 OR NOT quarantined) AND confidence >= $6 - 1e-6
      AND ($7::text IS NULL OR $7 = ANY (providers))
      AND ($8::text IS NULL OR $8 = COALESCE(mode, 'Sync'))
      AND ($9::text IS NULL OR $9 = COALESCE(requirement, 'Soft'))
), steps (way, near, far, quarantined) AS (
    SELECT 'downstream', source, target, quarantined FROM passing WHERE $2 <> 'upstream'
    UNION ALL
    SELECT 'upstream', target, source, quarantined FROM passing WHERE $2 <> 'downstream'
), walk (way, node, depth) AS (
    SELECT way, $1::text COLLATE "C", 0 FROM (VALUES ('downstream'), ('upstream')) AS ways (way)
    UNION
    SELECT s.way, s.far, w.depth + 1
    FROM walk w JOIN steps s ON s.way = w.way AND s.near = w.node
    WHERE w.depth < $3 AND NOT s.quarantined
), shown (node, depth) AS (
    SELECT node, depth FROM walk
    UNION
    SELECT s.far, w.depth + 1
    FROM walk w JOIN steps s ON s.way = w.way AND s.near = w.node
    WHERE w.depth < $3 AND s.quarantined
)
SELECT node AS source, NULL AS target, min(depth) AS distance FROM shown GROUP BY node
UNION ALL
SELECT source, target, NULL FROM passing
WHERE source = ANY (ARRAY(SELECT node FROM shown)) AND target = ANY (ARRAY(SELECT node FROM shown))
"""


async def subgraph(conn: Connection, asked: Question) -> Subgraph:
    """What the tables of this database answer."""
    rows = await conn.fetch(_SUBGRAPH, *asked)
    return Subgraph(
        {row["source"]: row["distance"] for row in rows if row["target"] is None},
        {(row["source"], row["target"]) for row in rows if row["target"] is not None},
    )
