"""The rows of sources of telemetry: how each fares and what it can show, as the next poll has to know to judge itself.

Called by `ingest.polls` inside the one transaction, and under its lock. Whoever only wants to know how sources fare reads
`store.records`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from servicegraph.model.telemetry import Failure, SourceHealth
from servicegraph.store.write import fresh_ids

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import asyncpg

    from servicegraph.model.telemetry import Source
    from servicegraph.store.facts import Stamp

    Connection = asyncpg.Connection[asyncpg.Record]

POLLS_KEPT = 10

_FARED = (
    "healthy_seconds",
    "last_attempt_at",
    "last_good_at",
    "last_edges",
    "drop_since",
    "drop_seconds",
)
"""Columns that are fields of `SourceHealth`."""

_SELECT = (
    f"SELECT id, evidence_group, preset, sees, health, {', '.join(_FARED)} FROM providers WHERE name = $1"  # noqa: S608 - names of our own columns
)

_WRITE = f"""
INSERT INTO providers AS p (
    id, name, evidence_group, preset, query, sees,
    healthy_seconds, last_attempt_at, last_good_at, last_edges, drop_since, drop_seconds, health, polls
) OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, jsonb_build_array($14::text::jsonb))
ON CONFLICT (id) DO UPDATE SET
    evidence_group = excluded.evidence_group, preset = excluded.preset, query = excluded.query, sees = excluded.sees,
    healthy_seconds = excluded.healthy_seconds, last_attempt_at = excluded.last_attempt_at,
    last_good_at = excluded.last_good_at, last_edges = excluded.last_edges, drop_since = excluded.drop_since,
    drop_seconds = excluded.drop_seconds, health = excluded.health,
    polls = jsonb_path_query_array(excluded.polls || p.polls, '$[0 to {POLLS_KEPT - 1}]')
"""  # noqa: S608 - a constant only

_FORGET = """
WITH gone AS (
    DELETE FROM observations o USING providers p
    WHERE p.id = o.provider AND p.name = ANY($1::text[]) AND p.preset IS NOT NULL
    RETURNING o.source, o.target, o.raw, p.name
), logged AS (
    INSERT INTO changes (version, at, kind, subject, source, target, provider, reason, details)
    SELECT $2::bigint, $3::timestamptz, 'removed', 'edge', s.printed, t.printed, gone.name, 'source forgotten',
           jsonb_build_object('raw', gone.raw)
    FROM gone JOIN services s ON s.id = gone.source JOIN services t ON t.id = gone.target
), silenced AS (
    DELETE FROM volumes v USING providers p
    WHERE p.id = v.provider AND p.name = ANY($1::text[]) AND p.preset IS NOT NULL
)
SELECT source, target FROM gone
"""
_DELETE = "DELETE FROM providers WHERE name = ANY($1::text[]) AND preset IS NOT NULL RETURNING cardinality(sees) > 0"


@dataclass(frozen=True, slots=True)
class StoredProvider:
    """A provider as it is stored."""

    id: int
    group: str
    sees: frozenset[str]
    """Empty until its first good poll: who has shown nothing yet tells nothing by what it does not show."""
    health: SourceHealth
    is_source: bool = True
    """Whether it is a source of telemetry; else it is who declares or posts."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was taken away with sources."""

    observations: int
    providers: int
    loose: frozenset[int]
    """Services that lost an observation."""
    could_see: bool
    """Whether one of them counted among those that could show calls."""


async def stored_provider(conn: Connection, name: str) -> StoredProvider | None:
    """The provider of that name, if there is one."""
    row = await conn.fetchrow(_SELECT, name)
    if row is None:
        return None
    fared: dict[str, Any] = {name: row[name] for name in _FARED}
    health = SourceHealth(**fared, failure=_read(row["health"]))
    return StoredProvider(
        row["id"], row["evidence_group"], frozenset(row["sees"]), health, is_source=row["preset"] is not None
    )


async def new_provider_id(conn: Connection) -> int:
    """A key that no provider ever had."""
    (number,) = await fresh_ids(conn, "providers", 1)
    return number


async def write_provider(
    conn: Connection, provider: StoredProvider, source: Source, poll: Mapping[str, Any]
) -> None:
    """Store how a source fares and what its last poll came to; a source that is not stored yet is from now on."""
    health = provider.health
    await conn.execute(
        _WRITE,
        provider.id,
        source.name,
        provider.group,
        source.preset,
        source.query,
        sorted(provider.sees),
        health.healthy_seconds,
        health.last_attempt_at,
        health.last_good_at,
        health.last_edges,
        health.drop_since,
        health.drop_seconds,
        _printed(health.failure),
        orjson.dumps(poll).decode(),
    )


async def forget_sources(conn: Connection, names: Collection[str], stamp: Stamp) -> Forgotten:
    """Take away these sources and all that they have shown, and log it. Who declares or posts is never taken for a source."""
    rows = await conn.fetch(_FORGET, list(names), stamp.version, stamp.at)
    providers = await conn.fetch(_DELETE, list(names))
    return Forgotten(
        len(rows),
        len(providers),
        frozenset(end for row in rows for end in row),
        any(could for (could,) in providers),
    )


def _printed(failure: Failure | None) -> str | None:
    return None if failure is None else f"{failure.reason}: {failure.message}"


def _read(text: str | None) -> Failure | None:
    if text is None:
        return None
    reason, _, message = text.partition(": ")
    return Failure(reason, message)
