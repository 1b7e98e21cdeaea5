"""Facts put into the tables by plain SQL, past everything that writes in the product."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.declared import DAWN
from support.graphs import GROUPS, PROTOCOLS, PROVIDERS, service

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

    from support.reference import Fact

    Connection = asyncpg.Connection[asyncpg.Record]

NAMES = [f"{number}-{one.name}" for number, one in enumerate(PROVIDERS)]
"""The providers as they are called there, in the order of their numbers: that order decides between equals."""
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
