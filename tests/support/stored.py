"""Facts put into the tables by plain SQL, past everything that writes in the product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servicegraph.model.ids import parse_id
from support.declared import DAWN
from support.graphs import GROUPS, PROTOCOLS, PROVIDERS, service

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

    from support.reference import Fact

    Connection = asyncpg.Connection[asyncpg.Record]

NAMES = [f"{number}-{one.name}" for number, one in enumerate(PROVIDERS)]
"""The providers as they are called there, in the order of their numbers: that order decides between equals."""
EVIDENCE = {"api": 2, "both ends": 3, "one end": 4, "flow": 5}
MODES = {None: 0, "Sync": 1, "Async": 2}
RANKS = 4
"""Objects there are; the rank of a fact is its place by age, 0 the oldest."""
COLUMNS = """
    raw_key source target provider object evidence mode requirement protocol
    absent_since confirmed stale quarantined alertable accepted first_seen
"""


async def store(conn: Connection, facts: Sequence[Fact], nodes: int) -> None:
    """Make `facts` all that is known, of `nodes` services called as `support.graphs.service` calls them."""
    await conn.execute("TRUNCATE services, providers, protocols, objects, observations RESTART IDENTITY")
    keys = [service(number) for number in range(nodes)]
    await conn.execute(
        """
        INSERT INTO services (cluster, namespace, name, kind, printed)
        SELECT '', 'shop', name, 'Service', printed FROM unnest($1::text[], $2::text[]) AS s (name, printed)
        """,
        [key.name for key in keys],
        [str(key) for key in keys],
    )
    await conn.execute(
        """
        INSERT INTO objects (uid, namespace, name, generation, created_at)
        SELECT 'uid-' || n, 'shop', 'object-' || n, 1, to_timestamp(n) FROM generate_series(1, $1) n
        """,
        RANKS,
    )
    await conn.execute(
        "INSERT INTO providers (name, evidence_group) SELECT * FROM unnest($1::text[], $2::text[])",
        NAMES,
        GROUPS,
    )
    await conn.execute("INSERT INTO protocols (id, name) OVERRIDING SYSTEM VALUE VALUES (0, '')")
    await conn.execute("INSERT INTO protocols (name) SELECT unnest($1::text[])", PROTOCOLS[1:])
    await conn.copy_records_to_table("observations", records=_rows(facts), columns=COLUMNS.split())


def _rows(facts: Sequence[Fact]) -> list[tuple[object, ...]]:
    return [
        (
            f"raw-{number}",
            one.source + 1,
            one.target + 1,
            one.provider + 1,
            one.rank + 1 if PROVIDERS[one.provider].name == "declared" else None,
            one.evidence,
            one.mode,
            one.requirement,
            one.protocol,
            None if one.present else 1.0,
            one.confirmed,
            one.stale,
            one.quarantined,
            one.alertable,
            one.accepted,
            DAWN,
        )
        for number, one in enumerate(facts)
    ]


async def empty(conn: Connection) -> None:
    """Make it a graph of version 0 of which nothing is known."""
    await conn.execute(
        "TRUNCATE services, objects, statements, observations, volumes, changes, alerts, transitions"
    )
    await conn.execute("DELETE FROM providers WHERE name <> 'declared'")
    await conn.execute("UPDATE graph_meta SET version = 0")


async def observe(conn: Connection, observations: Sequence[dict[str, Any]]) -> None:
    """Store what telemetry and api records say, in the words of `oracle.fold`, beside what objects say."""
    for one in observations:
        for end in (one["source"], one["target"]):
            await conn.execute(
                "INSERT INTO services (cluster, namespace, name, kind, printed) VALUES ($1, $2, $3, $4, $5)"
                " ON CONFLICT DO NOTHING",
                *parse_id(end),
                end,
            )
        await conn.execute(
            "INSERT INTO providers (name, evidence_group) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            one["provider"],
            one["group"],
        )
        await conn.execute(
            "INSERT INTO protocols (name) VALUES ($1) ON CONFLICT DO NOTHING", one["protocol"] or ""
        )
        await conn.execute(
            """
            INSERT INTO observations (
                raw_key, provider, source, target, evidence, protocol, mode,
                absent_since, confirmed, stale, quarantined, alertable, first_seen
            )
            SELECT s.printed || '>' || t.printed, p.id, s.id, t.id, $4, r.id, $6, $7, $8, $9, $10, $11, now()
            FROM providers p, services s, services t, protocols r
            WHERE p.name = $1 AND s.printed = $2 AND t.printed = $3 AND r.name = $5
            """,
            one["provider"],
            one["source"],
            one["target"],
            EVIDENCE[one["class"]],
            one["protocol"] or "",
            MODES[one["mode"]],
            None if one["present"] else 1.0,
            *(one[flag] for flag in ("confirmed", "stale", "quarantined", "alertable")),
        )
