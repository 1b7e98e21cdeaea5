"""Rows that need nothing but this process: walks through circles, and the memory of a snapshot."""

from __future__ import annotations

import gc
import tracemalloc
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from benchmarks import graphs
from benchmarks.rows import Row, seconds, shown

from servicegraph.graph.columns import Mark
from servicegraph.graph.snapshot import Snapshot, build
from servicegraph.graph.traverse import Direction, subgraph

if TYPE_CHECKING:
    from collections.abc import Iterator

_MARK = Mark("benchmark", 1, 1, datetime(2026, 1, 1, tzinfo=UTC))
_BYTES_AN_EDGE = 96


def rows() -> Iterator[Row]:
    """All rows of this module, one after the other."""
    for size in graphs.SIZES:
        yield circles_cost_nothing(size)
    yield memory(graphs.SIZES[-1])


def snapshot(size: graphs.Size, *, circles: bool = True) -> Snapshot:
    """A generated graph, ready to be asked."""
    columns = graphs.observations(size, circles=circles)
    return build(_MARK, graphs.nodes(size), graphs.PROVIDERS, graphs.PROTOCOLS, columns)


def circles_cost_nothing(size: graphs.Size) -> Row:
    """Ten hops through a large component against the same graph without circles, per returned edge."""
    with_circles, without = snapshot(size), snapshot(size, circles=False)
    roots = np.random.default_rng(2).integers(size.nodes // 2, size.nodes, 20).tolist()

    def walks(graph: Snapshot) -> int:
        return sum(len(subgraph(graph, root, Direction.DOWNSTREAM, 10).edges) for root in roots)

    ours, other = seconds(lambda: walks(with_circles), lambda: walks(without))
    ours, other = ours / walks(with_circles), other / walks(without)
    return Row(
        "10 hops, per returned edge",
        str(size),
        shown(ours),
        f"without circles {shown(other)}",
        ours / other,
        5,
    )


def memory(size: graphs.Size) -> Row:
    """What a snapshot holds, nodes included, per edge."""
    gc.collect()
    tracemalloc.start()
    try:
        graph = snapshot(size)
        gc.collect()
        an_edge = tracemalloc.get_traced_memory()[0] / len(graph.edges)
    finally:
        tracemalloc.stop()
    return Row("memory of a snapshot", str(size), f"{an_edge:.0f} B/edge", f"budget {_BYTES_AN_EDGE} B/edge",
               an_edge / _BYTES_AN_EDGE, 1)  # fmt: skip
