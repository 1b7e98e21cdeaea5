"""What telemetry says of one object, held to the same found pair by pair."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicegraph.checks.observing import Observing, Watcher, observing
from servicegraph.checks.verdict import MAX_MESSAGE
from servicegraph.graph.columns import Node
from servicegraph.graph.snapshot import build
from servicegraph.model.ids import Kind, ServiceKey
from support import graphs
from support.reference import Fact

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

A, B, C, DATA, QUEUE, OUTSIDE = range(6)
KINDS = ("Service", "Service", "Service", "Datastore", "Queue", "External")
NAMES = ("a", "b", "c", "data", "queue", "outside")
KEYS = [ServiceKey("", "shop", name, kind) for name, kind in zip(NAMES, KINDS, strict=True)]
OTEL, ASYNC = 3, 2

DECLARED = 1
"""The second since the epoch at which `graphs.columns` has everything declared."""
SINCE = datetime.fromtimestamp(DECLARED, UTC)
BEFORE = datetime.fromtimestamp(DECLARED - 1, UTC)
LOOKING = (Watcher(graphs.SEES, SINCE),)


def seen(source: int, target: int, mode: int = 1) -> Fact:
    return Fact(source, target, provider=OTEL, evidence=3, mode=mode, requirement=0)


def judged(
    *facts: Fact, optional: Collection[int] = (), watchers: Sequence[Watcher] = LOOKING, source: int = A
) -> Observing:
    """What is said of the object that declares what these facts declare of `source`."""
    nodes = [Node(key, stated=True) for key in KEYS]
    graph = build(graphs.MARK, nodes, graphs.PROVIDERS, graphs.PROTOCOLS, graphs.columns(facts))
    targets = [KEYS[one.target] for one in facts if one.evidence == 1 and one.source == source]
    return observing(KEYS[source], targets, [KEYS[one] for one in optional], graph, watchers)


def short(said: Observing) -> tuple[str, str, int, int, int]:
    return said.verdict.status, said.verdict.reason, said.observed, said.unobserved, said.undeclared


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([], ("True", "AllObserved", 0, 0, 0)),
        ([Fact(A, B), seen(A, B)], ("True", "AllObserved", 1, 0, 0)),
        ([Fact(A, B), Fact(A, C), seen(A, B)], ("False", "PartlyObserved", 1, 1, 0)),
        ([Fact(A, B), Fact(A, C)], ("False", "NeverObserved", 0, 2, 0)),
        ([Fact(A, B), seen(B, A)], ("False", "OnlyReverseObserved", 0, 1, 0)),
        ([Fact(A, B), Fact(A, C), seen(A, C), seen(B, A)], ("False", "OnlyReverseObserved", 1, 1, 0)),
        # Somebody declares the other direction, so this one is missing by itself.
        ([Fact(A, B), Fact(B, A), seen(B, A)], ("False", "NeverObserved", 0, 1, 0)),
        ([Fact(A, QUEUE)], ("Unknown", "NoProvider", 0, 0, 0)),
        ([Fact(A, QUEUE), Fact(A, B), seen(A, B)], ("True", "AllObserved", 1, 0, 0)),
        ([Fact(A, B), seen(A, B), seen(A, DATA)], ("True", "AllObserved", 1, 0, 1)),
        # A message between two that have declared the queue is the two halves that they have declared.
        ([Fact(A, QUEUE), Fact(B, QUEUE), seen(A, B, ASYNC)], ("Unknown", "NoProvider", 0, 0, 0)),
        ([Fact(A, B), seen(A, B)._replace(stale=True)], ("False", "NeverObserved", 0, 1, 0)),
        ([Fact(A, B), seen(A, B)._replace(quarantined=True)], ("False", "NeverObserved", 0, 1, 0)),
        ([Fact(A, B), seen(A, B)._replace(confirmed=False)], ("True", "AllObserved", 1, 0, 0)),
        ([Fact(A, B), seen(A, B)._replace(present=False)], ("True", "AllObserved", 1, 0, 0)),
    ],
)
def test_an_object_is_told_what_telemetry_says(
    facts: list[Fact], expected: tuple[str, str, int, int, int]
) -> None:
    assert short(judged(*facts)) == expected


def test_what_need_not_be_seen_is_never_missing_and_counts_where_it_is_seen() -> None:
    assert short(judged(Fact(A, B), optional=[B])) == ("True", "AllObserved", 0, 0, 0)
    assert short(judged(Fact(A, B), seen(B, A), optional=[B])) == ("True", "AllObserved", 0, 0, 0)
    assert short(judged(Fact(A, B), seen(A, B), optional=[B])) == ("True", "AllObserved", 1, 0, 0)
    assert short(judged(Fact(A, B), Fact(A, C), optional=[B])) == ("False", "NeverObserved", 0, 1, 0)


def test_nothing_is_missing_before_somebody_has_looked_since_it_was_declared() -> None:
    for looked in (None, BEFORE):
        watchers = [Watcher(graphs.SEES, looked)]
        assert short(judged(Fact(A, B), watchers=watchers)) == ("Unknown", "NotEvaluated", 0, 0, 0)
        assert short(judged(Fact(A, B), seen(A, B), watchers=watchers)) == ("True", "AllObserved", 1, 0, 0)
        swapped = judged(Fact(A, B), seen(B, A), watchers=watchers)
        assert short(swapped) == ("Unknown", "NotEvaluated", 0, 0, 0)


def test_only_who_could_see_it_can_miss_it() -> None:
    services = Watcher(frozenset({Kind.SERVICE}), SINCE)
    stores = Watcher(frozenset({Kind.SERVICE, Kind.DATASTORE}), BEFORE)
    assert judged(Fact(A, DATA), watchers=[services]).verdict.reason == "NoProvider"
    assert judged(Fact(A, DATA), watchers=[services, stores]).verdict.reason == "NotEvaluated"
    assert judged(Fact(A, B), watchers=[services, stores]).verdict.reason == "NeverObserved"


def test_a_source_that_has_never_answered_takes_no_verdict_back() -> None:
    services = Watcher(frozenset({Kind.SERVICE}), SINCE)
    facts = [Fact(A, B), seen(A, B), Fact(A, DATA)]
    alone = judged(*facts, watchers=[services])
    assert alone.verdict.status == "True"
    assert judged(*facts, watchers=[services, Watcher(graphs.SEES, None)]) == alone


def test_without_a_source_of_telemetry_nothing_can_be_said() -> None:
    said = judged(Fact(A, B), watchers=[])
    assert short(said) == ("Unknown", "NoProvider", 0, 0, 0)
    assert said.verdict.message == "no source of telemetry is set up"


def test_the_message_names_what_is_missing_swapped_unseeable_and_declared_by_nobody() -> None:
    said = judged(Fact(A, B), Fact(A, C), Fact(A, QUEUE), seen(B, A), seen(A, DATA))
    assert said.verdict.message == (
        "declared shop/a → shop/b, only shop/b → shop/a is observed: swapped?; shop/c is not observed."
        " Also, no source of telemetry could show shop/queue:queue."
        " Also, observed and declared by nobody: shop/data:datastore"
    )


def test_the_message_is_bounded_whatever_is_declared() -> None:
    long = "x" * 250
    keys = [ServiceKey("", "n" * 63, f"{at:03}{long}", kind) for kind in Kind for at in range(200)]
    nodes = [Node(key, stated=True) for key in sorted(keys)]
    place = {node.key: at for at, node in enumerate(nodes)}
    source = next(key for key in keys if key.kind == Kind.SERVICE)
    others = [key for key in keys if key.kind == Kind.SERVICE and key != source]
    queues = [key for key in keys if key.kind == Kind.QUEUE]
    undeclared = [key for key in keys if key.kind == Kind.DATASTORE]
    facts = [Fact(place[source], place[one]) for one in others + queues]
    facts += [seen(place[source], place[one]) for one in undeclared]
    for extra in ([], [seen(place[one], place[source]) for one in others]):
        graph = build(graphs.MARK, nodes, graphs.PROVIDERS, graphs.PROTOCOLS, graphs.columns(facts + extra))
        said = observing(source, others + queues, [], graph, LOOKING)
        assert (said.unobserved, said.undeclared) == (199, 200)
        assert len(said.verdict.message) <= MAX_MESSAGE


LOOKS = st.builds(
    Watcher,
    st.sampled_from([graphs.SEES, frozenset({Kind.SERVICE}), frozenset({Kind.SERVICE, Kind.DATASTORE})]),
    st.sampled_from([None, BEFORE, SINCE]),
)


@given(
    st.lists(graphs.facts(nodes=len(KEYS)), max_size=30),
    st.sets(st.integers(0, len(KEYS) - 1)),
    st.lists(LOOKS, min_size=1, max_size=3),
)
def test_the_numbers_are_what_is_found_pair_by_pair(
    facts: list[Fact], optional: set[int], watchers: list[Watcher]
) -> None:
    said = judged(*facts, optional=optional, watchers=watchers)
    declared = {fact[:2] for fact in facts if fact.evidence == 1}
    shown = {fact[:2] for fact in facts if fact.evidence > 2 and not (fact.stale or fact.quarantined)}
    able = [one for one in watchers if one.looked == SINCE]
    mine = {b for a, b in declared if a == A}
    missing = {
        b
        for b in mine
        if (A, b) not in shown and b not in optional and any(Kind(KINDS[b]) in one.sees for one in able)
    }
    assert said.observed == len({b for b in mine if (A, b) in shown})
    assert said.unobserved == len(missing)
    assert (said.verdict.status == "False") == bool(missing)
    assert said.verdict.count == len(missing)


@given(st.lists(graphs.facts(nodes=len(KEYS)), max_size=30), st.lists(LOOKS, min_size=1, max_size=3))
def test_what_was_judged_missing_stays_so_whoever_looks_next(
    facts: list[Fact], watchers: list[Watcher]
) -> None:
    before = judged(*facts, watchers=watchers)
    for at, one in enumerate(watchers):
        after = judged(*facts, watchers=[*watchers[:at], Watcher(one.sees, SINCE), *watchers[at + 1 :]])
        assert after.unobserved >= before.unobserved
        assert after.observed == before.observed
        if before.verdict.status != "Unknown":
            assert after.verdict.status == before.verdict.status
