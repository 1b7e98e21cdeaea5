from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicegraph.checks import spelling
from servicegraph.checks.near import KnownServices
from servicegraph.checks.spelling import edit_distance
from servicegraph.graph.columns import Node
from servicegraph.model.ids import ServiceKey, parse_id
from support import graphs
from support.reference import Fact

words = st.text("abc-", max_size=9)


def known(*ids: str) -> KnownServices:
    return KnownServices(graphs.snapshot([], [Node(parse_id(one), stated=True) for one in ids]))


@cache
def distance_by_definition(one: str, other: str) -> int:
    if not one or not other:
        return len(one) + len(other)
    ways = [
        distance_by_definition(one[1:], other[1:]) + (one[0] != other[0]),
        distance_by_definition(one[1:], other) + 1,
        distance_by_definition(one, other[1:]) + 1,
    ]
    if len(one) > 1 and one[1::-1] == other[:2]:
        ways.append(distance_by_definition(one[2:], other[2:]) + 1)
    return min(ways)


@given(st.text("abc", max_size=5), st.text("abc", max_size=5), st.integers(0, 3))
def test_the_edit_distance_is_that_of_its_definition_up_to_the_limit(one: str, other: str, most: int) -> None:
    exact = distance_by_definition(one, other)
    assert edit_distance(one, other, most) == (exact if exact <= most else None)


@given(words, words, st.integers(0, 3))
def test_the_edit_distance_has_no_direction(one: str, other: str, most: int) -> None:
    assert edit_distance(one, other, most) == edit_distance(other, one, most)


@pytest.mark.parametrize(
    ("wanted", "services", "expected"),
    [
        ("shop/paymnet", ["shop/payment", "shop/cart"], ("shop/payment",)),
        ("shop/catr", ["shop/cart", "shop/cat"], ("shop/cart", "shop/cat")),
        ("shop/payment", ["bank/payment", "shop/cart"], ("bank/payment",)),
        ("shop/orders", ["shop/orders:datastore"], ("shop/orders:datastore",)),
        ("shop/checkout", ["shop/checkoutservice"], ("shop/checkoutservice",)),
        ("shop/checkoutservice", ["shop/checkout"], ("shop/checkout",)),
        ("shop/cart", ["shop/redis-cart"], ("shop/redis-cart",)),
        ("shop/Payment", ["shop/payment"], ("shop/payment",)),
        ("shop/ads", ["shop/ad", "shop/abs"], ()),
        ("shop/payment", ["shop/recommendation"], ()),
        ("shop/payment", ["shop/payment@west"], ()),
        ("shop/payment", [], ()),
    ],
)
def test_what_may_have_been_meant_is_found(
    wanted: str, services: list[str], expected: tuple[str, ...]
) -> None:
    assert known(*services).near(parse_id(wanted)) == expected


def test_at_most_three_are_suggested_the_likeliest_first() -> None:
    services = known(
        "b/payment", "a/payment", "shop/paymentservice", "shop/payments", "c/payments", "shop/cart"
    )
    assert services.near(parse_id("shop/payment")) == ("a/payment", "b/payment", "shop/payments")


def test_a_service_is_no_suggestion_for_itself() -> None:
    assert known("shop/payment", "shop/payments").near(parse_id("shop/payment")) == ("shop/payments",)


def test_a_target_that_is_only_depended_on_is_no_suggestion() -> None:
    nodes = [Node(parse_id("shop/a"), stated=True), Node(parse_id("shop/paymnet"))]
    assert KnownServices(graphs.snapshot([Fact(0, 1)], nodes)).near(parse_id("shop/payment")) == ()


def test_thousands_of_similar_names_are_not_all_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def counting(one: str, other: str, most: int) -> int | None:
        compared.append(other)
        return edit_distance(one, other, most)

    monkeypatch.setattr(spelling, "edit_distance", counting)
    nodes = [Node(graphs.service(at), stated=True) for at in range(5_000)]
    suggestions = KnownServices(graphs.snapshot([], nodes)).near(ServiceKey("", "shop", "s12345", "Service"))
    assert len(suggestions) == 3
    assert len(compared) < 100
