"""What telemetry costs: storing one poll of 100k calls, and merging a million observations into edges.

A poll is held against COPY of the rows that the first one leaves behind, into the same indexed tables and with all keys ready.
What the product adds: names read by rules, keys found, a comparison with what is stored, circles followed, the version.
A steady poll has all that to do but for writing. All services are declared before, as one poll may bring only a few new ones.

Merging is held against numpy putting the same rows into order, by edge and then by precedence: the least that any merge of
them has to do.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from benchmarks import databases, graphs
from benchmarks.rows import Row, Work, seconds, shown

from servicegraph.clock import SystemClock
from servicegraph.graph.columns import ObservationColumns
from servicegraph.graph.merge import merge
from servicegraph.ingest.batch import Batch
from servicegraph.ingest.commit import GraphWriter
from servicegraph.model.observation import DeclaredObject, Statement
from servicegraph.model.telemetry import Poll, RawCall, Source
from servicegraph.model.vocabulary import Evidence
from servicegraph.store.engine import transaction
from servicegraph.store.facts import LOG_COLUMNS
from servicegraph.store.tables import metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.databases import Database
    from sqlalchemy.ext.asyncio import AsyncEngine

POLL = graphs.Size(5_000, 100_000)
FIRST_LIMIT, STEADY_LIMIT = 2.5, 1.25
MERGE_LIMIT = 2.0
INTERVAL = timedelta(minutes=5)
_TABLES = ("observations", "volumes", "changes")


def rows() -> Iterator[Row]:
    """All rows of this module, one after the other."""
    yield merging()
    with databases.serve() as server:
        yield from polling(server.database())


def polling(graph: Database) -> Iterator[Row]:
    """The first poll of a source and a steady one; `graph` is empty at first."""
    poll = _poll()
    graph.run(_declare(graph.engine))
    before = graph.copy()
    graph.run(_store(graph.engine, poll))
    same = graph.run(_left_behind(graph.engine))
    graph.run(_store(graph.engine, replace(poll, at=poll.at + INTERVAL)))  # confirms every call
    at = [before.copy()]

    def afresh() -> None:
        at.pop().drop()
        at.append(before.copy())
        at[0].connect()

    polls = 1

    def steady() -> None:
        nonlocal polls
        polls += 1
        graph.run(_store(graph.engine, replace(poll, at=poll.at + polls * INTERVAL)))

    first, again, copy = seconds(
        Work(lambda: at[0].run(_store(at[0].engine, poll)), before=afresh),
        Work(steady),
        Work(lambda: at[0].run(_copied(at[0].engine, same)), before=afresh),
    )
    for one in (*at, before, graph):
        one.drop()
    measure = f"COPY of the same rows {shown(copy)}"
    yield Row("first poll, 100k calls", str(POLL), shown(first), measure, first / copy, FIRST_LIMIT)
    yield Row("steady poll, 100k calls", str(POLL), shown(again), measure, again / copy, STEADY_LIMIT)


def merging() -> Row:
    """A million observations in no order, of 600k edges: most are declared and seen too."""
    size = graphs.SIZES[-1]
    declared = graphs.observations(graphs.pairs(size)[:600_000], size)
    seen = replace(
        declared,
        provider=np.ones(600_000, np.int16),
        rank=np.zeros(600_000, np.int32),
        evidence=np.full(600_000, Evidence.BOTH_ENDS, np.int8),
        requirement=np.zeros(600_000, np.int8),
    )
    order = np.random.default_rng(3).permutation(1_000_000)
    both = ObservationColumns(
        **{
            name: np.concatenate((getattr(declared, name), getattr(seen, name)[:400_000]))[order]
            for name in ObservationColumns.__dataclass_fields__
        }
    )
    groups = np.array([0, 1], np.int16)

    def sorted_rows() -> list[Any]:
        order = np.lexsort((both.provider, both.rank, both.evidence, both.target, both.source))
        return [getattr(both, name)[order] for name in ObservationColumns.__dataclass_fields__]

    ours, sort = seconds(Work(lambda: merge(both, groups, size.nodes)), Work(sorted_rows))
    measure = f"numpy sorts these rows {shown(sort)}"
    return Row("merge of 1M observations", "100k/600k", shown(ours), measure, ours / sort, MERGE_LIMIT)


def _poll() -> Poll:
    source = Source("otel", "http://prometheus:9090", "OTelCollector", "q", INTERVAL.total_seconds())
    calls = {
        RawCall(caller.name, called.name, caller.namespace, called.namespace): 3
        for caller, called in (
            (graphs.key(near), graphs.key(far)) for near, far in graphs.pairs(POLL, circles=False).tolist()
        )
    }
    return Poll(source, SystemClock().now(), calls)


async def _declare(engine: AsyncEngine) -> None:
    """Every service has an object that says nothing of its calls."""
    objects = [
        DeclaredObject(
            uid=f"00000000-0000-4000-8000-{at:012}",
            namespace=node.key.namespace,
            name=node.key.name,
            generation=1,
            created_at=SystemClock().now(),
            statement=Statement(node.key),
            observations=(),
        )
        for at, node in enumerate(graphs.nodes(POLL))
    ]
    await GraphWriter(engine, SystemClock()).commit(Batch(objects))


async def _store(engine: AsyncEngine, poll: Poll) -> None:
    await GraphWriter(engine, SystemClock()).commit(Batch(polls=[poll]))


def _columns(table: str) -> tuple[str, ...]:
    if table == "changes":
        return LOG_COLUMNS
    return tuple(column.name for column in metadata.tables[table].columns)


async def _left_behind(engine: AsyncEngine) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of the first poll, as COPY takes them."""
    found = {}
    async with transaction(engine, read_only=True) as conn:
        for table in _TABLES:
            where = "WHERE subject = 'edge'" if table == "changes" else ""
            columns = ", ".join(
                f"{name}::text" if name in {"raw", "details"} else name for name in _columns(table)
            )
            found[table] = [tuple(row) for row in await conn.fetch(f"SELECT {columns} FROM {table} {where}")]
    return found


async def _copied(engine: AsyncEngine, same: dict[str, list[tuple[Any, ...]]]) -> None:
    async with transaction(engine) as conn:
        for table, records in same.items():
            await conn.copy_records_to_table(table, records=records, columns=_columns(table))
