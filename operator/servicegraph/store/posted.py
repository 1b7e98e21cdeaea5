"""What one provider has sent over HTTP, as it is stored: read, added, changed and removed as sets.

Such rows belong to no object: that is how they are told from what is declared. What becomes of them is decided in
`ingest.submitted`, which calls this in the one transaction and under its lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from servicegraph.model.submission import API_GROUP
from servicegraph.model.vocabulary import Evidence
from servicegraph.store.providers import new_provider_id

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    import asyncpg

    Connection = asyncpg.Connection[asyncpg.Record]


class PostedStatement(NamedTuple):
    """What a provider says about one service; the fields are the columns."""

    service: int
    technology: str | None
    team: str | None
    criticality: str | None
    target: str | None
    labels: str
    """JSON, its keys in order."""


class PostedCall(NamedTuple):
    """An edge of which a provider tells; the fields are the columns."""

    raw_key: str
    source: int
    target: int
    protocol: int
    mode: int
    requirement: int
    details: str
    """JSON, its keys in order."""


_STATEMENTS = """
SELECT service, technology, team, criticality, target, labels::text FROM statements
WHERE provider = $1 AND object IS NULL AND ($2::int[] IS NULL OR service = ANY($2::int[]))
"""
_CALLS = """
SELECT raw_key, source, target, protocol, mode, requirement, details::text FROM observations
WHERE provider = $1 AND object IS NULL AND ($2::text[] IS NULL OR raw_key = ANY($2::text[]))
"""
_CHANGE_STATEMENTS = """
UPDATE statements o SET technology = n.technology, team = n.team, criticality = n.criticality, target = n.target,
    labels = n.labels::jsonb
FROM unnest($2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
    AS n (service, technology, team, criticality, target, labels)
WHERE o.provider = $1 AND o.object IS NULL AND o.service = n.service
"""
_CHANGE_CALLS = """
UPDATE observations o SET protocol = n.protocol, mode = n.mode, requirement = n.requirement, details = n.details::jsonb
FROM unnest($2::text[], $3::int[], $4::smallint[], $5::smallint[], $6::text[])
    AS n (raw_key, protocol, mode, requirement, details)
WHERE o.provider = $1 AND o.object IS NULL AND o.raw_key = n.raw_key
"""


def as_json(value: Any) -> str:
    """JSON that is the same text for the same value."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


async def provider_id(conn: Connection, name: str) -> int | None:
    """The key of the provider called `name`; None if it has sent nothing yet."""
    found: int | None = await conn.fetchval("SELECT id FROM providers WHERE name = $1", name)
    return found


async def make_provider(conn: Connection, name: str) -> int:
    """Store a provider that sends something for the first time; returns its key."""
    number = await new_provider_id(conn)
    await conn.execute(
        "INSERT INTO providers (id, name, evidence_group) OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3)",
        number,
        name,
        API_GROUP,
    )
    return number


async def stored_statements(
    conn: Connection, provider: int, services: Collection[int] | None
) -> dict[int, PostedStatement]:
    """What the provider has said about these services, or about all (None), by service."""
    rows = await conn.fetch(_STATEMENTS, provider, None if services is None else list(services))
    return {row[0]: PostedStatement._make((*tuple(row)[:-1], as_json(orjson.loads(row[-1])))) for row in rows}


async def stored_calls(
    conn: Connection, provider: int, raw_keys: Collection[str] | None
) -> dict[str, PostedCall]:
    """What the provider has told of these edges, or of all (None), by raw key."""
    rows = await conn.fetch(_CALLS, provider, None if raw_keys is None else list(raw_keys))
    return {row[0]: PostedCall._make((*tuple(row)[:-1], as_json(orjson.loads(row[-1])))) for row in rows}


async def add_statements(conn: Connection, provider: int, new: Iterable[PostedStatement]) -> None:
    """Store statements about services about which the provider has said nothing."""
    await conn.copy_records_to_table(
        "statements",
        records=[(provider, *one) for one in new],
        columns=("provider", *PostedStatement._fields),
    )


async def add_calls(
    conn: Connection, provider: int, new: Iterable[tuple[PostedCall, str]], now: datetime
) -> None:
    """Store edges of which the provider has not told before, each with the names as they were sent, as JSON."""
    columns = ("provider", *PostedCall._fields, "raw", "first_seen", "evidence", "alertable")
    await conn.copy_records_to_table(
        "observations",
        records=[(provider, *one, raw, now, Evidence.API, False) for one, raw in new],
        columns=columns,
    )


async def change_statements(conn: Connection, provider: int, changed: Collection[PostedStatement]) -> None:
    """Let the provider say otherwise about services."""
    if changed:
        await conn.execute(_CHANGE_STATEMENTS, provider, *map(list, zip(*changed, strict=True)))


async def change_calls(conn: Connection, provider: int, changed: Collection[PostedCall]) -> None:
    """Let the provider say otherwise of edges; when it first told of them stays, and so do their ends."""
    if changed:
        raw_key, _, _, *words = map(list, zip(*changed, strict=True))
        await conn.execute(_CHANGE_CALLS, provider, raw_key, *words)


async def remove_statements(conn: Connection, provider: int, services: Collection[int]) -> None:
    """Let the provider say nothing more about services."""
    if services:
        await conn.execute(
            "DELETE FROM statements WHERE provider = $1 AND object IS NULL AND service = ANY($2::int[])",
            provider,
            list(services),
        )
