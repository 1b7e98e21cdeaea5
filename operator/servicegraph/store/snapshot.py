"""Reading the whole graph at one moment: one transaction, its version read inside it.

Services come as rows (`store.nodes`), observations as columns (`store.columns`). Turning them into a graph is the work of
`graph.snapshot`, when to read is that of `store.current`.
"""

from __future__ import annotations

import asyncio
import gc
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from servicegraph.checks.near import known_services
from servicegraph.errors import SchemaMissing
from servicegraph.graph.columns import NO_OBJECT, Mark, Node, ObjectName, ObservationColumns, Provider
from servicegraph.graph.conflicts import conflicts
from servicegraph.graph.snapshot import Snapshot, build
from servicegraph.model.ids import Kind
from servicegraph.store import alerts, columns, nodes
from servicegraph.store.claims import differing_claims
from servicegraph.store.engine import transaction

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import asyncpg
    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.graph.conflicts import Claim, Conflicts
    from servicegraph.model.alert import Alert
    from servicegraph.store.nodes import Services

    Connection = asyncpg.Connection[asyncpg.Record]
    Rows = Sequence[asyncpg.Record]

LARGE = 1 << 20
"""Bytes of observations from which on the work is done in a thread, so that requests are answered meanwhile."""

_MARK = """
SELECT c.system_identifier::text AS system, g.version, g.committed_at AS as_of,
    CASE WHEN pg_is_in_recovery() THEN (SELECT timeline_id FROM pg_control_checkpoint())
        ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer
    END AS timeline
FROM graph_meta g, pg_control_system() c
"""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What `graph.snapshot.build` makes a graph of."""

    mark: Mark
    nodes: Sequence[Node]
    providers: Sequence[Provider]
    protocols: Sequence[str]
    observations: ObservationColumns
    conflicts: Mapping[str, Conflicts]
    alerts: Sequence[Alert]
    objects: Sequence[ObjectName]


@dataclass(frozen=True, slots=True)
class _Answers:
    """What Postgres answered, not yet looked at."""

    mark: Mark
    services: Services
    providers: Rows
    protocols: Rows
    objects: Rows
    observations: bytes
    claims: Sequence[Claim]
    alerts: Sequence[Alert]


async def load(engine: AsyncEngine) -> Snapshot:
    """Read the graph as it is now.

    Raises:
        StoreUnavailable: Postgres cannot be reached or cannot serve now.
        SchemaMissing: the tables are not there.
    """
    async with transaction(engine, read_only=True) as conn:
        answers = await _asked(conn)
    if len(answers.observations) > LARGE:
        return await asyncio.to_thread(_graph, answers)
    return _graph(answers)


async def read_mark(engine: AsyncEngine) -> Mark:
    """Which graph Postgres holds now.

    Raises:
        StoreUnavailable: Postgres cannot be reached or cannot serve now.
        SchemaMissing: the tables are not there.
    """
    async with transaction(engine, read_only=True) as conn:
        return await mark_of(conn)


async def read_inputs(conn: Connection) -> Inputs:
    """Read what a snapshot is made of, inside a transaction of one moment."""
    return _inputs(await _asked(conn))


async def mark_of(conn: Connection) -> Mark:
    """Which graph Postgres holds at the moment of this transaction.

    Raises:
        SchemaMissing: the tables are empty of what the migration puts there.
    """
    row = await conn.fetchrow(_MARK)
    if row is None:
        raise SchemaMissing(
            "table graph_meta has lost its row; run `servicegraph migrate` on an empty database"
        )
    return Mark(**row)


async def _asked(conn: Connection) -> _Answers:
    return _Answers(
        mark=await mark_of(conn),
        services=await nodes.read(conn),
        providers=await conn.fetch("SELECT id, name, evidence_group, sees FROM providers ORDER BY name"),
        protocols=await conn.fetch("SELECT id, name FROM protocols ORDER BY id"),
        objects=await conn.fetch(
            "SELECT id, namespace, name FROM objects ORDER BY created_at, namespace, name, uid"
        ),
        observations=await columns.copied(conn),
        claims=await differing_claims(conn),
        alerts=await alerts.kept(conn),
    )


def _graph(answers: _Answers) -> Snapshot:
    """The graph, and the index of its names: neither a request nor a status shall have to wait for that."""
    with _no_collection():
        inputs = _inputs(answers)
        snapshot = build(
            inputs.mark,
            inputs.nodes,
            inputs.providers,
            inputs.protocols,
            inputs.observations,
            inputs.conflicts,
            inputs.alerts,
            inputs.objects,
        )
        known_services(snapshot)
    return snapshot


@contextmanager
def _no_collection() -> Iterator[None]:
    """Spare the garbage collector: all that is made here stays, and to look through it takes as long as to make it.

    Counting references goes on, and nothing made here refers in a circle.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _inputs(answers: _Answers) -> Inputs:
    provider_ids = columns.keys_of(answers.providers)
    providers = [
        Provider(row["name"], row["evidence_group"], frozenset(map(Kind, row["sees"])))
        for row in answers.providers
    ]
    objects = np.append(np.int32(columns.NO_OBJECT), columns.keys_of(answers.objects))
    return Inputs(
        mark=answers.mark,
        nodes=answers.services.nodes(provider_ids, providers, objects),
        providers=providers,
        protocols=[row["name"] for row in answers.protocols],
        observations=columns.decoded(
            answers.observations,
            services=answers.services.ids,
            providers=provider_ids,
            protocols=columns.keys_of(answers.protocols),
            objects=objects,
        ),
        conflicts=conflicts(answers.claims),
        alerts=answers.alerts,
        objects=[NO_OBJECT, *(ObjectName(row["namespace"], row["name"]) for row in answers.objects)],
    )
