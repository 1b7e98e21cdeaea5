from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicegraph.checks.explaining import explain
from servicegraph.checks.missing import edge_between
from servicegraph.graph.columns import Node, Provider
from servicegraph.graph.snapshot import build
from servicegraph.model.ids import parse_id
from servicegraph.model.records import (
    EdgeRecord,
    ObjectRecord,
    ObservationRecord,
    ProviderRecord,
    RemovalRecord,
)
from servicegraph.model.vocabulary import Evidence
from support import graphs, shop
from support.circled import the_shop
from support.graphs import service

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicegraph.graph.snapshot import Snapshot
    from support.reference import Fact

WHEN = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SINCE = "since 2026-03-04T05:06:07Z"
OTEL = ObservationRecord("otel", "http://prometheus", Evidence.BOTH_ENDS, WHEN)
DECLARED = ObservationRecord(
    "declared", "declared", Evidence.DECLARED, WHEN, object=ObjectRecord("shop", "checkout", 3)
)
POSTED = ObservationRecord("api:ci", "api", Evidence.API, WHEN, alertable=False)


def told(
    record: EdgeRecord,
    source: str = "shop/checkout",
    target: str = "shop/payment",
    graph: Snapshot | None = None,
) -> tuple[str, ...]:
    return explain(graph or shop.snapshot(), parse_id(source), parse_id(target), record).reasons


def of(*observations: ObservationRecord) -> EdgeRecord:
    return EdgeRecord(7, observations)


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        (DECLARED, f"ServiceDependency shop/checkout, generation 3, declares it {SINCE}: what is declared, weight 0.95"),
        (POSTED, f"api:ci has posted it, {SINCE}: what is posted, weight 0.9"),
        (
            replace(OTEL, raw={"client": "a-5f", "server": "b"}),
            f"otel shows calls of a-5f to b {SINCE}: both ends seen, weight 0.85",
        ),
        (replace(OTEL, evidence=Evidence.ONE_END), f"otel shows it {SINCE}: one end seen, weight 0.6"),
        (
            replace(OTEL, stale=True, last_seen=WHEN),
            (
                f"otel has shown it {SINCE}, for the last time 2026-03-04T05:06:07Z:"
                " both ends seen, weight 0.425, halved as it is stale"
            ),
        ),
        (
            replace(OTEL, quarantined=True),
            f"otel shows it {SINCE}: both ends seen, weight 0.85, in quarantine, as a name in it names no service",
        ),
    ],
)  # fmt: skip
def test_each_word_is_a_sentence(word: ObservationRecord, sentence: str) -> None:
    assert told(of(word))[0] == sentence


def test_of_two_sources_that_ask_one_place_one_counts() -> None:
    reasons = told(of(OTEL, replace(OTEL, provider="tempo", evidence=Evidence.ONE_END)))
    assert "not counted beside better evidence of http://prometheus" in reasons[1]
    assert reasons[2] == "confidence 0.85"


def test_what_only_the_api_says_raises_no_alert() -> None:
    assert "it raises no alert about a circle: only the API says so" in told(of(POSTED))


def test_many_words_are_cut() -> None:
    many = [replace(OTEL, provider=f"source-{at}") for at in range(40)]
    assert "and 30 more like that" in told(of(*many))


def test_the_circle_that_an_edge_is_part_of_is_named() -> None:
    assert "it is part of a circle of 2 services, cycle-c52932c080a4" in told(of(DECLARED), graph=the_shop())


def test_what_no_source_could_show_is_said() -> None:
    queue = told(of(DECLARED), target="shop/events:queue")
    assert "no source of telemetry can show a call of a Service to a Queue" in queue
    database = told(of(DECLARED), target="shop/orders:datastore")
    assert "otel, tempo could show it and do not" in database


def test_without_sources_nothing_could_be_seen() -> None:
    providers = [Provider(one.name, one.group) for one in graphs.PROVIDERS]
    graph = build(graphs.MARK, shop.NODES, providers, graphs.PROTOCOLS, graphs.columns(shop.FACTS))
    assert "no source of telemetry has shown anything yet, so it could not be observed" in told(
        of(DECLARED), target="shop/orders:datastore", graph=graph
    )


def test_an_edge_that_is_seen_is_not_asked_about() -> None:
    reasons = told(of(DECLARED, OTEL), "shop/frontend", "shop/checkout")
    assert len(reasons) == 3


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("declared a b, seen b a", True),
        ("seen a b, declared b a", True),
        ("seen b a", True),
        ("declared b a", True),
        ("declared a b, declared b a", False),
        ("declared a b, seen a b, seen b a", False),
        ("declared a b, declared b a, seen b a", False),
        ("declared a b, seen a b", None),
    ],
)
def test_what_may_be_the_wrong_way_round_is_asked(said: str, expected: bool | None) -> None:
    facts = []
    for part in said.split(", "):
        word, source, target = part.split()
        kind = shop.DECLARED if word == "declared" else shop.SEEN
        facts.append(kind._replace(source="ab".index(source), target="ab".index(target)))
    graph = graphs.snapshot(facts, [Node(parse_id(f"shop/{name}"), stated=True) for name in "ab"])
    record = of(DECLARED) if edge_between(graph, parse_id("shop/a"), parse_id("shop/b")) is not None else of()
    asked = [
        one.endswith(": swapped?") for one in told(record, "shop/a", "shop/b", graph) if "other way" in one
    ]
    assert asked == ([] if expected is None else [expected])


def test_what_need_not_be_seen_is_said() -> None:
    facts = [shop.edge("shop/checkout", "shop/payment", shop.DECLARED._replace(optional=True))]
    reasons = told(of(DECLARED), graph=shop.snapshot(facts=facts))
    assert "it is declared with observation: Optional, so that never to see it is fine" in reasons


def test_removals_say_who_when_and_why() -> None:
    removals = (
        RemovalRecord(12, WHEN, "declared", "shop/checkout", "undeclared"),
        RemovalRecord(9, WHEN, "otel", None, "source forgotten"),
        RemovalRecord(8, WHEN, "otel", None, "some new reason"),
    )
    reasons = told(EdgeRecord(20, removals=removals), target="infra/cache")
    assert reasons[:4] == (
        "nothing says that shop/checkout calls infra/cache",
        (
            "ServiceDependency shop/checkout declared it until version 12, 2026-03-04T05:06:07Z:"
            " that object declares it no more"
        ),
        "otel said so until version 9, 2026-03-04T05:06:07Z: that source of telemetry is gone",
        "otel said so until version 8, 2026-03-04T05:06:07Z: some new reason",
    )


def test_the_query_is_that_of_who_has_shown_it_else_of_who_would() -> None:
    providers = (ProviderRecord("a", "a", query="up"), ProviderRecord("otel", "b", query="count"))
    for words, query in (((OTEL,), "count"), ((DECLARED,), "up"), ((), "up")):
        found = explain(
            shop.snapshot(),
            parse_id("shop/checkout"),
            parse_id("shop/payment"),
            EdgeRecord(7, words, providers=providers),
        )
        assert found.query == query


@given(st.lists(graphs.facts(), max_size=30))
def test_an_edge_is_found_where_there_is_one(facts: Sequence[Fact]) -> None:
    graph = graphs.snapshot(facts)
    pairs = list(zip(graph.edges.source.tolist(), graph.edges.target.tolist(), strict=True))
    for source in range(8):
        for target in range(8):
            found = edge_between(graph, service(source), service(target))
            assert found == (pairs.index((source, target)) if (source, target) in pairs else None)
    assert edge_between(graph, service(0), service(99)) is None
