"""Which alerts a part of a graph names: those whose members some of its edges join, and no others."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from servicegraph.graph.columns import Node
from servicegraph_api.cycles import names_in
from support import graphs
from support.circled import next_version
from support.reference import Fact, merged

NODES = [Node(graphs.service(at)) for at in range(6)]


@given(st.lists(graphs.facts(nodes=6), max_size=20), st.data())
def test_a_part_of_a_graph_names_the_alerts_of_its_edges(facts: list[Fact], data: st.DataObject) -> None:
    graph, _ = next_version(facts, NODES)
    ends = list(zip(graph.edges.source.tolist(), graph.edges.target.tolist(), strict=True))
    part = sorted(data.draw(st.sets(st.sampled_from(range(len(ends)))) if ends else st.just(set())))
    edges = merged(facts, graphs.GROUPS)
    may_alert = [ends[at] for at in part if edges[ends[at]].alertable and not edges[ends[at]].quarantined]
    expected = [
        alert.name
        for alert in graph.alerts
        if any(
            source != target and {graphs.service(source), graphs.service(target)} <= set(alert.members)
            for source, target in may_alert
        )
    ]
    assert names_in(graph, np.array(part, np.int32)) == sorted(expected)
