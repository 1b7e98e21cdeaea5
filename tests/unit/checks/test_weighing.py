from __future__ import annotations

from datetime import UTC, datetime
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicegraph.checks.weighing import weigh
from servicegraph.model.records import ObservationRecord
from servicegraph.model.vocabulary import Evidence, Flag, Mode, Requirement
from support import graphs
from support.reference import Fact, merged

WHEN = datetime(2026, 1, 1, tzinfo=UTC)


def record(fact: Fact) -> ObservationRecord:
    """The fact as a stored word."""
    provider = graphs.PROVIDERS[fact.provider]
    return ObservationRecord(
        provider=provider.name,
        group=provider.group,
        evidence=Evidence(fact.evidence),
        first_seen=WHEN,
        last_seen=None if fact.present else WHEN,
        protocol=graphs.PROTOCOLS[fact.protocol],
        mode=Mode(fact.mode),
        requirement=Requirement(fact.requirement),
        confirmed=fact.confirmed,
        stale=fact.stale,
        quarantined=fact.quarantined,
        alertable=fact.alertable,
        accepted=fact.accepted,
        rank=fact.rank,
    )


facts = st.lists(
    graphs.facts(nodes=2).map(lambda fact: fact._replace(source=0, target=1)), min_size=1, max_size=8
)


@given(facts)
def test_an_edge_is_weighed_as_the_graph_weighs_it(said: list[Fact]) -> None:
    found = weigh([record(fact) for fact in said])
    (expected,) = merged(said, graphs.GROUPS).values()
    assert found.confidence == pytest.approx(expected.confidence, abs=1e-6)
    assert (Flag.STALE in found.flags, Flag.QUARANTINED in found.flags, Flag.ALERTABLE in found.flags) == (
        expected.stale,
        expected.quarantined,
        expected.alertable,
    )


@given(facts)
def test_the_words_that_count_make_the_whole_confidence(said: list[Fact]) -> None:
    found = weigh([record(fact) for fact in said])
    counted = [word for word in found.words if word.counts]
    assert 1 - prod(1 - word.weight for word in counted) == pytest.approx(found.confidence, abs=1e-6)
    assert len({word.said.group for word in counted}) == len(counted)
    assert [word.said for word in found.words] == [record(fact) for fact in said]
