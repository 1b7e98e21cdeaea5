"""Reading the part of the graph that can lie on a circle, inside the transaction that changes the graph.

`ingest.alerts` looks for circles in what this returns. It is a snapshot like any other, of few services: an edge that is left
out joins no two services of one circle. Not here: which edges may raise an alert, which is a flag of each observation.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np

from servicegraph.graph.columns import Node, Provider
from servicegraph.graph.entangled import entangled
from servicegraph.graph.snapshot import Snapshot, build
from servicegraph.model.ids import ServiceKey
from servicegraph.store import columns
from servicegraph.store.snapshot import LARGE, mark_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

    Connection = asyncpg.Connection[asyncpg.Record]

_SERVICES = """
SELECT id, cluster, namespace, name, kind FROM services WHERE id = ANY($1::int[])
ORDER BY cluster, namespace, name, kind
"""
_BY_AGE = "SELECT id FROM objects WHERE id = ANY($1::int[]) ORDER BY created_at, namespace, name, uid"


async def read_circles(conn: Connection) -> Snapshot:
    """The services that lie on a circle of edges that may raise an alert, and all that is known of calls between them.

    Raises:
        SchemaMissing: a table has lost what the migration put there.
        StoreUnavailable: Postgres sends what cannot be read.
    """
    pairs = await columns.alertable_pairs(conn)
    many = sum(ends.nbytes for ends in pairs) > LARGE
    found = await asyncio.to_thread(entangled, *pairs) if many else entangled(*pairs)
    return await _among(conn, found.tolist())


async def _among(conn: Connection, ids: Sequence[int]) -> Snapshot:
    """The graph of these services alone; nothing is asked of what is said about them."""
    services = await conn.fetch(_SERVICES, ids)
    providers = await conn.fetch("SELECT id, name, evidence_group FROM providers ORDER BY name")
    protocols = await conn.fetch("SELECT id, name FROM protocols ORDER BY id")
    copy = await columns.copied(conn, columns.AMONG, ids)
    alone, several = columns.objects_of(copy)
    by_age = await conn.fetch(_BY_AGE, several.tolist()) if len(several) else []
    return build(
        await mark_of(conn),
        [Node(ServiceKey(*key)) for _, *key in map(tuple, services)],
        [Provider(row["name"], row["evidence_group"]) for row in providers],
        [row["name"] for row in protocols],
        columns.decoded(
            copy,
            services=columns.keys_of(services),
            providers=columns.keys_of(providers),
            protocols=columns.keys_of(protocols),
            objects=np.concatenate(([columns.NO_OBJECT], alone, columns.keys_of(by_age)), dtype=np.int32),
        ),
    )
