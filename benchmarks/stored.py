"""Rows that need Postgres. One graph of each size is declared by the product itself, batch after batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import databases, graphs
from benchmarks.reading import loading, walking
from benchmarks.writing import commit, last_service, same_as_stored, storing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.databases import Database
    from benchmarks.rows import Row

BATCH_EDGES = 100_000


def rows() -> Iterator[Row]:
    """All rows of this module, one after the other."""
    with databases.serve() as server:
        for size in graphs.SIZES:
            yield from _written(server.database(), size)
            yield from _read(server.database(), size)


def _written(graph: Database, size: graphs.Size) -> Iterator[Row]:
    """Storing the last batch of a graph without circles; `graph` is empty at first."""
    batches = graphs.batches(graphs.pairs(size, circles=False), BATCH_EDGES)
    last = next(batches)
    for following in batches:
        graph.run(commit(graph.engine, last))
        last = following
    before = graph.copy()
    known = graph.run(last_service(graph.engine))
    graph.run(commit(graph.engine, last))
    same = graph.run(same_as_stored(graph.engine, last, known))
    graph.drop()
    yield from storing(before, last, same, size)
    before.drop()


def _read(graph: Database, size: graphs.Size) -> Iterator[Row]:
    """Loading and walking a graph with circles; `graph` is empty at first."""
    for batch in graphs.batches(graphs.pairs(size), BATCH_EDGES):
        graph.run(commit(graph.engine, batch))
    graph.run(_analyse(graph))
    yield loading(graph, size)
    yield walking(graph, size)
    graph.drop()


async def _analyse(graph: Database) -> None:
    """What autovacuum would have done by then."""
    async with graph.engine.connect() as pooled:
        raw = await pooled.get_raw_connection()
        assert raw.driver_connection is not None
        await raw.driver_connection.execute("VACUUM ANALYZE")
