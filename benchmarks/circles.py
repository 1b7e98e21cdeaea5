"""Rows about circles: finding all components and comparing them with the alerts of the version before.

Most of a generated graph is one component, the worst there is: every edge has to be looked at, and thousands of members
compared. The measure is what scipy takes to find the components of a matrix that is made of ready columns.
"""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from benchmarks import graphs
from benchmarks.rows import Row, Work, seconds, shown
from scipy import sparse
from scipy.sparse import csgraph

from servicegraph.graph.alerts import Alerts, Moment, diff
from servicegraph.graph.columns import Mark, ObservationColumns
from servicegraph.graph.components import find_circles
from servicegraph.graph.snapshot import build

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from servicegraph.graph.columns import Node
    from servicegraph.graph.snapshot import Snapshot

_LIMIT = 3
_NOW = Moment(2, datetime(2026, 1, 1, tzinfo=UTC))
_MARK = Mark("benchmark", 1, 2, _NOW.at)
_ROUNDS = 21


def rows() -> Iterator[Row]:
    """All rows of this module, one after the other."""
    for size in graphs.SIZES:
        columns, nodes = graphs.observations(graphs.pairs(size), size), graphs.nodes(size)
        before = _snapshot(nodes, columns)
        near, far = _outside_of_circles(before)
        yield compared(
            "alerts, one call more", size, before, _snapshot(before.nodes, _and(columns, near, far))
        )
        both_ways = _and(_and(columns, near, far), far, near)
        yield compared("alerts, one circle more", size, before, _snapshot(before.nodes, both_ways))


def compared(what: str, size: graphs.Size, before: Snapshot, after: Snapshot) -> Row:
    """The alerts of `after`, those of `before` being known, against the components of `after` alone."""
    known = diff(Alerts.of([]), find_circles(before), replace(_NOW, version=1)).alerts

    def bare() -> object:
        matrix = sparse.csr_array(
            (np.ones(len(after.edges)), after.outgoing.far, after.outgoing.start),
            shape=(size.nodes, size.nodes),
        )
        return csgraph.connected_components(matrix, directed=True, connection="strong")

    ours, measure = seconds(Work(lambda: diff(known, find_circles(after), _NOW)), Work(bare), rounds=_ROUNDS)
    return Row(what, str(size), shown(ours), f"scipy alone {shown(measure)}", ours / measure, _LIMIT)


def _snapshot(nodes: Sequence[Node], columns: ObservationColumns) -> Snapshot:
    return build(_MARK, nodes, graphs.PROVIDERS, graphs.PROTOCOLS, columns)


def _outside_of_circles(graph: Snapshot) -> tuple[int, int]:
    """Two services that nothing calls: calls between them concern no other circle."""
    uncalled = np.flatnonzero(np.diff(graph.incoming.start) == 0)
    return int(uncalled[0]), int(uncalled[-1])


def _and(columns: ObservationColumns, source: int, target: int) -> ObservationColumns:
    """The same observations and one of another call, otherwise like the first."""
    further = {
        one.name: np.append(column := getattr(columns, one.name), column[:1]) for one in fields(columns)
    }
    further["source"][-1], further["target"][-1] = source, target
    return ObservationColumns(**further)
