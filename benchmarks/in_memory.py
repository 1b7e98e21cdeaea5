"""Rows that need nothing but this process: walks through circles, and the memory of a snapshot."""

from __future__ import annotations

import gc
import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
from benchmarks import graphs
from benchmarks.rows import Row, Work, seconds, shown

from servicegraph.graph.traverse import Direction, subgraph

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servicegraph.graph.snapshot import Snapshot

_BYTES_AN_EDGE = 96
_WALKS = 20


def rows() -> Iterator[Row]:
    """All rows of this module, one after the other."""
    yield circles_cost_nothing(
        graphs.KNOT,
        graphs.snapshot(graphs.knot(graphs.KNOT), graphs.KNOT),
        graphs.snapshot(graphs.knot(graphs.KNOT, circles=False), graphs.KNOT),
    )
    for size in graphs.SIZES:
        yield circles_cost_nothing(
            size,
            graphs.snapshot(graphs.pairs(size), size),
            graphs.snapshot(graphs.pairs(size, circles=False), size),
        )
    yield memory(graphs.SIZES[-1])


def circles_cost_nothing(size: graphs.Size, with_circles: Snapshot, without: Snapshot) -> Row:
    """Ten hops through a large component against the same graph without circles, per returned edge."""
    roots = np.random.default_rng(2).integers(size.nodes // 2, size.nodes, _WALKS).tolist()

    def walks(graph: Snapshot) -> int:
        return sum(len(subgraph(graph, root, Direction.DOWNSTREAM, 10).edges) for root in roots)

    ours, other = seconds(Work(lambda: walks(with_circles)), Work(lambda: walks(without)))
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
    edges = graphs.pairs(size)
    gc.collect()
    tracemalloc.start()
    try:
        graph = graphs.snapshot(edges, size)
        gc.collect()
        an_edge = tracemalloc.get_traced_memory()[0] / len(graph.edges)
    finally:
        tracemalloc.stop()
    return Row(
        "memory of a snapshot, per edge",
        str(size),
        f"{an_edge:.0f} B",
        f"budget {_BYTES_AN_EDGE} B",
        an_edge / _BYTES_AN_EDGE,
        1,
    )
