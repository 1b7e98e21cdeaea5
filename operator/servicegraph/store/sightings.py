"""The observations of one source of telemetry: read as a stream, added by COPY, changed and removed as sets.

A steady poll compares every call and writes none, so what is compared here is read in full and nothing is staged. They belong
to no object: that is how they are told from what is declared. Called by `ingest.polls`, in the one transaction and under its
lock; what becomes of each call is decided there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from servicegraph.model.ids import ServiceKey

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterable
    from datetime import datetime

    import asyncpg

    Connection = asyncpg.Connection[asyncpg.Record]

AT_ONCE = 5000
"""Rows that are looked at before others get their turn."""


RULES_APART = "\x1f"
"""Between two rules where they are one text, which is much faster to read than an array."""


class StoredSighting(NamedTuple):
    """One call as it is stored; the fields are the columns, rules joined to one text."""

    raw_key: str
    source: int
    target: int
    evidence: int
    mode: int
    rules: str
    quarantined: bool
    confirmed: bool
    absent_since: float | None
    last_seen: datetime | None
    stale: bool
    alertable: bool
    first_seen: datetime


_COLUMNS = ", ".join(StoredSighting._fields).replace("rules", "array_to_string(rules, chr(31))")
_READ = f"SELECT {_COLUMNS} FROM observations WHERE provider = $1 AND object IS NULL"  # noqa: S608 - names of our own columns

_NEW = ("provider", *StoredSighting._fields, "raw")

_CHANGE = """
UPDATE observations o SET
    source = n.source, target = n.target, evidence = n.evidence, mode = n.mode,
    rules = string_to_array(n.rules, chr(31)), quarantined = n.quarantined, confirmed = n.confirmed,
    absent_since = n.absent_since, last_seen = n.last_seen, stale = n.stale, alertable = n.alertable
FROM unnest(
    $2::text[], $3::int[], $4::int[], $5::smallint[], $6::smallint[], $7::text[], $8::bool[], $9::bool[], $10::float8[],
    $11::timestamptz[], $12::bool[], $13::bool[]
) AS n (raw_key, source, target, evidence, mode, rules, quarantined, confirmed, absent_since, last_seen, stale, alertable)
WHERE o.provider = $1 AND o.object IS NULL AND o.raw_key = n.raw_key
"""

_DECLARED = """
SELECT cluster, namespace, name, kind FROM services WHERE cluster = $1 AND id IN (
    SELECT service FROM statements
    UNION SELECT source FROM observations WHERE evidence <= 2
    UNION SELECT target FROM observations WHERE evidence <= 2
)
"""

_CALLED_OUTSIDE = """
SELECT DISTINCT s.namespace, t.name
FROM services t JOIN observations o ON o.target = t.id JOIN services s ON s.id = o.source
WHERE t.cluster = $1 AND t.kind = 'External' AND o.evidence <= 2
"""

_EXPECTED = """
SELECT o.source, o.target, o.details ->> 'expectedInterval' AS expected
FROM observations o
WHERE (o.source, o.target) IN (SELECT * FROM unnest($1::int[], $2::int[]))
  AND o.object IS NOT NULL AND o.details ? 'expectedInterval'
"""


async def sightings(conn: Connection, provider: int) -> AsyncIterator[Iterable[tuple[Any, ...]]]:
    """All that a source has shown and that is kept, some at a time: the values of a `StoredSighting` each."""
    rows = await conn.cursor(_READ, provider)
    while page := await rows.fetch(AT_ONCE):
        yield map(tuple, page)


async def add(conn: Connection, provider: int, new: Iterable[tuple[StoredSighting, str]]) -> None:
    """Store calls that are seen for the first time, each with its raw names as JSON."""
    at = StoredSighting._fields.index("rules")
    await conn.copy_records_to_table(
        "observations",
        records=(
            (provider, *one[:at], one.rules.split(RULES_APART), *one[at + 1 :], raw) for one, raw in new
        ),
        columns=_NEW,
    )


async def change(conn: Connection, provider: int, changed: Collection[StoredSighting]) -> None:
    """Store what has become of calls; when they were first seen stays."""
    if not changed:
        return
    *columns, _ = zip(*changed, strict=True)
    await conn.execute(_CHANGE, provider, *columns)


async def remove(conn: Connection, provider: int, raw_keys: Collection[str]) -> None:
    """Forget calls."""
    if raw_keys:
        await conn.execute(
            "DELETE FROM observations WHERE provider = $1 AND object IS NULL AND raw_key = ANY($2::text[])",
            provider,
            list(raw_keys),
        )


async def declared_nodes(conn: Connection, cluster: str) -> list[ServiceKey]:
    """The services of a cluster that an object or an api record states or names."""
    return [ServiceKey(*row) for row in await conn.fetch(_DECLARED, cluster)]


async def called_outside(conn: Connection, cluster: str) -> list[tuple[str, str]]:
    """The Externals of a cluster that are declared to be called, each as (namespace of a caller, name)."""
    return [(row["namespace"], row["name"]) for row in await conn.fetch(_CALLED_OUTSIDE, cluster)]


async def expected_intervals(
    conn: Connection, edges: Collection[tuple[int, int]]
) -> dict[tuple[int, int], list[str]]:
    """What is declared of how rarely these edges may be called, as durations; edges without such a word are left out."""
    if not edges:
        return {}
    found: dict[tuple[int, int], list[str]] = {}
    for source, target, expected in await conn.fetch(_EXPECTED, *map(list, zip(*edges, strict=True))):
        found.setdefault((source, target), []).append(expected)
    return found


async def printed_ids(conn: Connection, services: Collection[int]) -> dict[int, str]:
    """The ids of services as people read them."""
    rows = await conn.fetch("SELECT id, printed FROM services WHERE id = ANY($1::int[])", list(services))
    return dict(map(tuple, rows))
