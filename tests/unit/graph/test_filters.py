from __future__ import annotations

import pytest

from servicegraph.graph.filters import EdgeFilter
from servicegraph.model.vocabulary import Mode, Requirement
from support import graphs
from support.reference import Fact

SEEN = Fact(0, 1, provider=3, evidence=3, requirement=0)
SNAPSHOT = graphs.snapshot(
    [
        Fact(0, 1),
        SEEN._replace(target=2),
        SEEN._replace(target=3, mode=2, stale=True),
        SEEN._replace(target=4, quarantined=True),
        SEEN._replace(target=5, stale=True, quarantined=True),
        Fact(0, 6, provider=1, evidence=2, mode=0, requirement=0),
        Fact(0, 7, mode=2, requirement=1),
        SEEN._replace(target=7),
    ]
)


@pytest.mark.parametrize(
    ("edge_filter", "targets"),
    [
        (EdgeFilter(), [1, 2, 6, 7]),
        (EdgeFilter(include_stale=True), [1, 2, 3, 6, 7]),
        (EdgeFilter(include_quarantined=True), [1, 2, 4, 6, 7]),
        (EdgeFilter(include_stale=True, include_quarantined=True), [1, 2, 3, 4, 5, 6, 7]),
        (EdgeFilter(min_confidence=0.85), [1, 2, 6, 7]),
        (EdgeFilter(min_confidence=0.95), [1, 7]),
        (EdgeFilter(min_confidence=0.9925), [7]),
        (EdgeFilter(min_confidence=1), []),
        (EdgeFilter(provider="declared"), [1, 7]),
        (EdgeFilter(provider="otel"), [2, 7]),
        (EdgeFilter(provider="nobody"), []),
        (EdgeFilter(mode=Mode.SYNC), [1, 2, 6]),
        (EdgeFilter(mode=Mode.ASYNC), [7]),
        (EdgeFilter(requirement=Requirement.HARD), [1]),
        (EdgeFilter(requirement=Requirement.SOFT), [2, 6, 7]),
        (EdgeFilter(provider="otel", include_stale=True, mode=Mode.ASYNC), [3, 7]),
    ],
    ids=str,
)
def test_a_filter_passes_the_edges_it_names(edge_filter: EdgeFilter, targets: list[int]) -> None:
    assert SNAPSHOT.edges.target[edge_filter.mask(SNAPSHOT)].tolist() == targets


def test_a_filter_of_an_empty_graph_passes_nothing() -> None:
    assert EdgeFilter(provider="otel", include_stale=True).mask(graphs.snapshot([])).tolist() == []
