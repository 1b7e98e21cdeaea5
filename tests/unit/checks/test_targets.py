from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicegraph.checks.near import KnownServices
from servicegraph.checks.targets import resolved
from servicegraph.checks.verdict import MAX_MESSAGE, listed
from servicegraph.graph.columns import Node
from servicegraph.model.ids import parse_id
from support import graphs
from support.reference import Fact

CART, PAYMENT, SEEN = parse_id("shop/cart"), parse_id("shop/payment"), parse_id("shop/seen")
NODES = [Node(CART, stated=True), Node(PAYMENT), Node(SEEN)]


def known(*facts: Fact) -> KnownServices:
    return KnownServices(graphs.snapshot(facts, NODES))


def test_a_target_that_an_object_is_about_is_known() -> None:
    finding = resolved([CART], known(Fact(0, 0)))
    assert (finding.status, finding.reason, finding.count) == ("True", "AllTargetsKnown", 0)


def test_a_target_that_is_only_depended_on_is_unknown() -> None:
    finding = resolved([PAYMENT], known(Fact(0, 1)))
    assert (finding.status, finding.reason, finding.count) == ("False", "UnknownTargets", 1)
    assert finding.message == "1 target is neither declared nor observed: shop/payment"


@pytest.mark.parametrize("evidence", [2, 3, 4, 5])
@pytest.mark.parametrize("stale", [True, False])
def test_a_target_that_another_provider_reports_is_known(evidence: int, stale: bool) -> None:
    provider = 1 if evidence == 2 else 3
    finding = resolved([SEEN], known(Fact(0, 2, provider=provider, evidence=evidence, stale=stale)))
    assert finding.reason == "AllTargetsKnown"


def test_a_target_that_is_reported_in_quarantine_only_is_unknown() -> None:
    finding = resolved([SEEN], known(Fact(0, 2, provider=3, evidence=3, quarantined=True)))
    assert finding.reason == "UnknownTargets"


@pytest.mark.parametrize("target", ["shop/db:datastore", "shop/jobs:queue", "-/api.stripe.com:external"])
def test_only_services_can_be_unknown(target: str) -> None:
    assert resolved([parse_id(target)], known()).reason == "AllTargetsKnown"


def test_the_message_asks_what_was_meant() -> None:
    finding = resolved([CART, parse_id("shop/catr"), parse_id("shop/nothing")], known())
    assert finding.count == 2
    assert finding.message == (
        "2 targets are neither declared nor observed: shop/catr (did you mean shop/cart?); shop/nothing"
    )


def test_an_object_without_dependencies_has_nothing_unknown() -> None:
    assert resolved([], known()).message == "no dependency is declared"


def test_hundreds_of_unknown_targets_make_a_message_of_bounded_length() -> None:
    targets = [parse_id(f"shop/{'x' * 60}-{at}") for at in range(256)]
    finding = resolved(targets, known())
    assert finding.count == 256
    assert len(finding.message) <= MAX_MESSAGE
    assert finding.message.endswith(" more")


@given(st.lists(st.text("ab", min_size=1, max_size=30), min_size=1, max_size=40), st.integers(20, 200))
def test_a_list_fits_its_room_and_counts_what_is_left_out(parts: list[str], room: int) -> None:
    text = listed(parts, room)
    assert len(text) <= room
    shown = text.split("; ")
    if shown[-1].endswith(" more"):
        assert parts[: len(shown) - 1] == shown[:-1]
        assert shown[-1] == f"and {len(parts) - len(shown) + 1} more"
    elif not text.endswith("…"):
        assert shown == parts
