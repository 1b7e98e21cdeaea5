"""Rows that need Postgres. One graph of each size is declared by the product itself, batch after batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import databases, graphs
from benchmarks.reading import loading, walking
from benchmarks.writing import commit, last_service, rows_of_last_version, storing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.databases import Database
    from benchmarks.rows import Row

BATCH_EDGES = 100_000


def rows() -> Iterator[Row]:
    """All rows of this module, one after the other."""
    with databases.serve() as server:
        for size in graphs.SIZES:
            graph = server.database()
            yield from rows_of(graph, size)
            graph.drop()


def rows_of(graph: Database, size: graphs.Size) -> Iterator[Row]:
    """The rows of one size. The last batch is what is measured; `graph`, empty at first, holds everything in the end."""
    batches = graphs.batches(graphs.pairs(size), BATCH_EDGES)
    last = next(batches)
    for following in batches:
        graph.run(commit(graph.engine, last))
        last = following
    before = graph.copy()
    known = graph.run(last_service(graph.engine))
    graph.run(commit(graph.engine, last))
    yield from storing(before, last, graph.run(rows_of_last_version(graph.engine, known)), size)
    before.drop()
    graph.run(_analyse(graph))
    yield loading(graph, size)
    yield walking(graph, size)


async def _analyse(graph: Database) -> None:
    """What autovacuum would have done by then."""
    async with graph.engine.connect() as pooled:
        raw = await pooled.get_raw_connection()
        assert raw.driver_connection is not None
        await raw.driver_connection.execute("VACUUM ANALYZE")
