"""The words behind the graph: observations with their raw names, what was removed and why, how providers fare.

Read on demand, one moment each, for who asks why an edge is there or not; never part of a snapshot. Implements
`model.records.Records`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicegraph.model.records import (
    EdgeRecord,
    ObjectRecord,
    ObservationRecord,
    ProviderRecord,
    RemovalRecord,
)
from servicegraph.model.vocabulary import Evidence, Mode, Requirement
from servicegraph.store.engine import transaction

if TYPE_CHECKING:
    from collections.abc import Iterable

    import asyncpg
    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.model.ids import ServiceKey

    Connection = asyncpg.Connection[asyncpg.Record]

_A_FEW = 10
"""Removals, and objects about one service, at most."""
_MOST = 100
"""Observations of one edge at most, the best first."""

_PROVIDERS = """
SELECT name, evidence_group AS "group", preset, query, healthy_seconds, last_attempt_at, last_good_at, last_edges, drop_since,
    health, sees, polls
FROM providers ORDER BY name
"""
_OBSERVATIONS = """
SELECT p.name AS provider, p.evidence_group AS "group", w.evidence, w.first_seen, w.last_seen,
    COALESCE(p.healthy_seconds - w.absent_since, 0) AS absent_for, w.raw, w.rules, w.details, r.name AS protocol,
    w.mode, w.requirement, w.confirmed, w.stale, w.quarantined, w.alertable, w.accepted,
    o.namespace AS object_namespace, o.name AS object_name, o.generation, o.problem
FROM observations w
JOIN providers p ON p.id = w.provider
JOIN protocols r ON r.id = w.protocol
LEFT JOIN objects o ON o.id = w.object
WHERE w.source = (SELECT id FROM services WHERE (cluster, namespace, name, kind) = ($1, $2, $3, $4))
  AND w.target = (SELECT id FROM services WHERE (cluster, namespace, name, kind) = ($5, $6, $7, $8))
ORDER BY w.quarantined, w.evidence, o.created_at, o.namespace, o.name, o.uid, p.name, w.raw_key
LIMIT $9
"""
_REMOVALS = """
SELECT version, at, provider, object, reason FROM changes
WHERE kind = 'removed' AND subject = 'edge' AND source = $1 AND target = $2
ORDER BY version DESC, id DESC LIMIT $3
"""
_OBJECTS = """
SELECT o.namespace AS object_namespace, o.name AS object_name, o.generation, o.problem
FROM statements s JOIN objects o ON o.id = s.object
WHERE s.service = (SELECT id FROM services WHERE (cluster, namespace, name, kind) = ($1, $2, $3, $4))
ORDER BY o.created_at, o.namespace, o.name, o.uid LIMIT $5
"""


class StoredRecords:
    """Reads the records behind a pool of connections."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def edge(self, source: ServiceKey, target: ServiceKey) -> EdgeRecord:
        """Everything that is stored about the edge from `source` to `target`, whether it is there or not.

        Raises:
            StoreUnavailable: Postgres cannot be reached or cannot serve now.
            SchemaMissing: the tables are not there.
        """
        async with transaction(self._engine, read_only=True) as conn:
            return EdgeRecord(
                version=await conn.fetchval("SELECT version FROM graph_meta"),
                observations=tuple(_observations(await conn.fetch(_OBSERVATIONS, *source, *target, _MOST))),
                removals=tuple(
                    RemovalRecord(**row)
                    for row in await conn.fetch(_REMOVALS, str(source), str(target), _A_FEW)
                ),
                objects=tuple(_object(row) for row in await conn.fetch(_OBJECTS, *source, _A_FEW)),
                providers=tuple(await _providers(conn)),
            )

    async def providers(self) -> list[ProviderRecord]:
        """All providers, by name.

        Raises:
            StoreUnavailable: Postgres cannot be reached or cannot serve now.
            SchemaMissing: the tables are not there.
        """
        async with transaction(self._engine, read_only=True) as conn:
            return await _providers(conn)


async def _providers(conn: Connection) -> list[ProviderRecord]:
    rows = await conn.fetch(_PROVIDERS)
    return [
        ProviderRecord(**{**row, "sees": tuple(row["sees"]), "polls": tuple(row["polls"])}) for row in rows
    ]


def _observations(rows: Iterable[asyncpg.Record]) -> list[ObservationRecord]:
    """The rows as records; an object's rank is its place by age among those of the rows."""
    return [
        ObservationRecord(
            evidence=Evidence(row["evidence"]),
            mode=Mode(row["mode"]),
            requirement=Requirement(row["requirement"]),
            rules=tuple(row["rules"]),
            object=_object(row) if row["object_name"] is not None else None,
            rank=rank,
            **{name: row[name] for name in _AS_THEY_ARE},
        )
        for rank, row in enumerate(rows, 1)
    ]


_AS_THEY_ARE = (
    "provider",
    "group",
    "first_seen",
    "last_seen",
    "absent_for",
    "raw",
    "details",
    "protocol",
    "confirmed",
    "stale",
    "quarantined",
    "alertable",
    "accepted",
)


def _object(row: asyncpg.Record) -> ObjectRecord:
    return ObjectRecord(row["object_namespace"], row["object_name"], row["generation"], row["problem"])
