"""Reading the whole graph at one moment: one transaction, its version read inside it.

Everything small comes as rows, observations as columns (`store.columns`). Turning it into a graph is `graph.snapshot`'s work,
when to read is `store.current`'s.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from servicegraph.errors import SchemaMissing
from servicegraph.graph.columns import Mark, Node, ObservationColumns, Provider
from servicegraph.graph.conflicts import conflicts
from servicegraph.graph.snapshot import Snapshot, build
from servicegraph.model.ids import ServiceKey
from servicegraph.store import columns
from servicegraph.store.claims import differing_claims
from servicegraph.store.engine import transaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import asyncpg
    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.graph.conflicts import Claim, Conflicts

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

# The first that says something wins: declared before api before others, the older object before the younger.
_STATEMENTS = """
SELECT s.service, s.technology, s.team, s.criticality, s.target, NULLIF(s.labels, '{}')
FROM statements s JOIN providers p ON p.id = s.provider LEFT JOIN objects o ON o.id = s.object
ORDER BY p.evidence_group <> 'declared', p.evidence_group <> 'api', o.created_at, o.namespace, o.name, o.uid, p.name
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


@dataclass(frozen=True, slots=True)
class _Answers:
    """What Postgres answered, not yet looked at."""

    mark: Mark
    services: Rows
    statements: Rows
    providers: Rows
    protocols: Rows
    objects: Rows
    observations: bytes
    claims: Sequence[Claim]


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
        return await _mark(conn)


async def read_inputs(conn: Connection) -> Inputs:
    """Read what a snapshot is made of, inside a transaction of one moment."""
    return _inputs(await _asked(conn))


async def _mark(conn: Connection) -> Mark:
    row = await conn.fetchrow(_MARK)
    if row is None:
        raise SchemaMissing(
            "table graph_meta has lost its row; run `servicegraph migrate` on an empty database"
        )
    return Mark(**row)


async def _asked(conn: Connection) -> _Answers:
    return _Answers(
        mark=await _mark(conn),
        services=await conn.fetch(
            "SELECT id, cluster, namespace, name, kind FROM services ORDER BY cluster, namespace, name, kind"
        ),
        statements=await conn.fetch(_STATEMENTS),
        providers=await conn.fetch("SELECT id, name, evidence_group FROM providers ORDER BY name"),
        protocols=await conn.fetch("SELECT id, name FROM protocols ORDER BY id"),
        objects=await conn.fetch("SELECT id FROM objects ORDER BY created_at, namespace, name, uid"),
        observations=await columns.copied(conn),
        claims=await differing_claims(conn),
    )


def _graph(answers: _Answers) -> Snapshot:
    inputs = _inputs(answers)
    return build(
        inputs.mark,
        inputs.nodes,
        inputs.providers,
        inputs.protocols,
        inputs.observations,
        inputs.conflicts,
    )


def _inputs(answers: _Answers) -> Inputs:
    return Inputs(
        mark=answers.mark,
        nodes=_nodes(answers.services, answers.statements),
        providers=[Provider(row["name"], row["evidence_group"]) for row in answers.providers],
        protocols=[row["name"] for row in answers.protocols],
        observations=columns.decoded(
            answers.observations,
            services=columns.keys_of(answers.services),
            providers=columns.keys_of(answers.providers),
            protocols=columns.keys_of(answers.protocols),
            objects=np.append(np.int32(columns.NO_OBJECT), columns.keys_of(answers.objects)),
        ),
        conflicts=conflicts(answers.claims),
    )


def _nodes(services: Rows, statements: Rows) -> list[Node]:
    """The services in the order of their keys, each with the best statement for each field."""
    said: dict[int, list[tuple[Any, ...]]] = {}
    for service, *fields in map(tuple, statements):
        said.setdefault(service, []).append(tuple(fields))
    return [_node(ServiceKey(*key), said.get(service, ())) for service, *key in map(tuple, services)]


def _node(key: ServiceKey, said: Sequence[tuple[Any, ...]]) -> Node:
    """One service; of each field the first that says something, `said` being in the order of precedence."""
    if not said:
        return Node(key)
    technology, team, criticality, target, labels = map(_first, zip(*said, strict=True))
    return Node(
        key,
        technology,
        team,
        criticality,
        target,
        tuple(sorted((labels or {}).items())),
        stated=True,
    )


def _first(values: Iterable[Any]) -> Any:
    return next((value for value in values if value), None)
