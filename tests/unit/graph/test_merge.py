from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicegraph.graph.merge import Edges, merge
from servicegraph.model.vocabulary import Flag
from support import graphs
from support.reference import Edge, Fact, merged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

GROUPS = np.array([0, 1, 1, 2, 2, 3], np.int16)


def edges_of(facts: Sequence[Fact]) -> Edges:
    return merge(graphs.columns(facts), GROUPS, 8)


def plain(edges: Edges) -> dict[tuple[int, int], Edge]:
    """What the columns say, as values of the reference."""
    answer = {}
    for at in range(len(edges)):
        flags = Flag(int(edges.flags[at]))
        answer[int(edges.source[at]), int(edges.target[at])] = Edge(
            protocol=int(edges.protocol[at]),
            mode=int(edges.mode[at]),
            requirement=int(edges.requirement[at]),
            confidence=float(edges.confidence[at]),
            present=Flag.PRESENT in flags,
            confirmed=Flag.CONFIRMED in flags,
            stale=Flag.STALE in flags,
            quarantined=Flag.QUARANTINED in flags,
            alertable=Flag.ALERTABLE in flags,
            accepted=Flag.ACCEPTED in flags,
            providers=frozenset(edges.observations.provider[edges.evidence(at)].tolist()),
        )
    return answer


@given(st.lists(graphs.facts(nodes=4), max_size=40))
def test_merged_edges_are_those_of_the_reference(facts: list[Fact]) -> None:
    found, expected = plain(edges_of(facts)), merged(facts, graphs.GROUPS)
    assert {pair: edge.confidence for pair, edge in found.items()} == pytest.approx(
        {pair: edge.confidence for pair, edge in expected.items()}, abs=1e-6
    )
    assert {pair: edge._replace(confidence=0) for pair, edge in found.items()} == {
        pair: edge._replace(confidence=0) for pair, edge in expected.items()
    }


@given(st.lists(graphs.facts(nodes=3), max_size=30), st.randoms())
def test_the_order_of_observations_changes_nothing(facts: list[Fact], random: Random) -> None:
    shuffled = list(facts)
    random.shuffle(shuffled)
    one, other = edges_of(facts), edges_of(shuffled)
    assert one.confidence.tolist() == other.confidence.tolist()
    assert plain(one) == plain(other)
    assert one.observations.provider.tolist() == other.observations.provider.tolist()


@given(st.lists(graphs.facts(nodes=3), max_size=20))
def test_the_same_observations_twice_say_no_more_than_once(facts: list[Fact]) -> None:
    assert plain(edges_of(facts + facts)) == plain(edges_of(facts))


@given(st.lists(graphs.facts(nodes=3), min_size=1, max_size=20), graphs.facts(nodes=3))
def test_more_evidence_never_lowers_the_confidence(facts: list[Fact], further: Fact) -> None:
    clean = [fact._replace(quarantined=False) for fact in facts]
    before = edges_of(clean)
    after = edges_of([*clean, further])
    place = {(int(a), int(b)): at for at, (a, b) in enumerate(zip(after.source, after.target, strict=True))}
    for at in range(len(before)):
        now = after.confidence[place[int(before.source[at]), int(before.target[at])]]
        assert now >= before.confidence[at] - 1e-6


@given(st.lists(graphs.facts(nodes=5), max_size=30))
def test_edges_are_sorted_and_own_all_observations_once(facts: list[Fact]) -> None:
    edges = edges_of(facts)
    pairs = list(zip(edges.source.tolist(), edges.target.tolist(), strict=True))
    assert pairs == sorted(set(pairs))
    assert edges.first[0] == 0
    assert edges.first[-1] == len(facts)
    for at, pair in enumerate(pairs):
        said = [fact.provider for fact in facts if (fact.source, fact.target) == pair]
        assert sorted(edges.observations.provider[edges.evidence(at)].tolist()) == sorted(said)


def test_no_observations_make_no_edges() -> None:
    edges = edges_of([])
    assert len(edges) == 0
    assert edges.first.tolist() == [0]


def test_declared_and_telemetry_with_both_ends_give_0_9925() -> None:
    edges = edges_of([Fact(0, 1), Fact(0, 1, provider=3, evidence=3, requirement=0)])
    assert edges.confidence.tolist() == pytest.approx([1 - 0.05 * 0.15])


def test_two_objects_that_declare_one_edge_count_once_and_the_older_wins() -> None:
    older = Fact(0, 1, rank=0, protocol=0, requirement=2)
    younger = Fact(0, 1, rank=1, protocol=2, requirement=1)
    edges = edges_of([younger, older])
    assert edges.confidence.tolist() == pytest.approx([0.95])
    assert edges.requirement.tolist() == [2]
    assert edges.protocol.tolist() == [2], "the older says nothing about the protocol"


def test_two_sources_on_one_url_count_once() -> None:
    edges = edges_of([Fact(0, 1, provider=3, evidence=3), Fact(0, 1, provider=4, evidence=4)])
    assert edges.confidence.tolist() == pytest.approx([0.85])


@pytest.mark.parametrize(
    ("confirmed", "stale", "confidence"),
    [(True, False, 0.6), (False, False, 0.3), (True, True, 0.3), (False, True, 0.15)],
)
def test_doubt_halves_the_weight(confirmed: bool, stale: bool, confidence: float) -> None:
    edges = edges_of([Fact(0, 1, provider=3, evidence=4, confirmed=confirmed, stale=stale)])
    assert edges.confidence.tolist() == pytest.approx([confidence])


def test_quarantined_evidence_has_no_say_beside_other_evidence() -> None:
    noise = Fact(0, 1, provider=3, evidence=3, protocol=1, mode=2, quarantined=True)
    old = Fact(0, 1, provider=5, evidence=4, protocol=0, mode=1, requirement=0, stale=True)
    edges = edges_of([noise, old])
    flags = Flag(int(edges.flags[0]))
    assert Flag.STALE in flags
    assert Flag.QUARANTINED not in flags
    assert edges.protocol.tolist() == [0]
    assert edges.confidence.tolist() == pytest.approx([0.3])
    assert edges.observations.provider.tolist() == [5, 3], "it is still listed, last"


def test_what_nobody_says_stays_unsaid() -> None:
    edges = edges_of([Fact(0, 1, provider=1, evidence=2, mode=0, requirement=0)])
    assert (edges.mode.tolist(), edges.requirement.tolist()) == ([0], [0])


def test_merged_columns_cannot_be_written_to() -> None:
    edges = edges_of([Fact(0, 1)])
    with pytest.raises(ValueError, match="read-only"):
        edges.source[0] = 3
