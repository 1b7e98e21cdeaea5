from __future__ import annotations

from typing import TYPE_CHECKING

from servicegraph.checks.lookalikes import Lookalike, lookalikes
from servicegraph.graph.columns import Node
from servicegraph.graph.drift import drift, scope_of
from servicegraph.model.ids import parse_id
from support import graphs
from support.reference import Fact

if TYPE_CHECKING:
    from servicegraph.graph.snapshot import Snapshot

OTEL = 3


class Story:
    """A graph told call by call, by printed ids."""

    def __init__(self, *stated: str) -> None:
        self._stated = set(stated)
        self._said: list[tuple[str, str, Fact]] = []

    def declared(self, source: str, target: str) -> Story:
        self._said.append((source, target, Fact(0, 0)))
        return self

    def seen(self, source: str, target: str) -> Story:
        self._said.append((source, target, Fact(0, 0, provider=OTEL, evidence=3, requirement=0)))
        return self

    def snapshot(self) -> Snapshot:
        ids = self._stated | {end for source, target, _ in self._said for end in (source, target)}
        nodes = sorted(
            (Node(parse_id(one), stated=one in self._stated) for one in ids), key=lambda one: one.key
        )
        place = {str(node.key): at for at, node in enumerate(nodes)}
        facts = [
            fact._replace(source=place[source], target=place[target]) for source, target, fact in self._said
        ]
        return graphs.snapshot(facts, nodes)

    def near(self, most: int = 10, namespace: str | None = None) -> tuple[list[Lookalike], bool]:
        snapshot = self.snapshot()
        scope = scope_of(snapshot, namespace)
        return lookalikes(snapshot, scope, drift(snapshot, scope), most)


def test_a_declared_name_that_nobody_knows_may_be_an_observed_one() -> None:
    story = (
        Story("shop/checkout").declared("shop/checkout", "shop/paymnet").seen("shop/checkout", "shop/payment")
    )
    assert story.near() == ([Lookalike("shop/paymnet", ("shop/payment",))], False)


def test_an_observed_name_may_be_one_that_has_an_object() -> None:
    story = Story("shop/checkout", "shop/payment").seen("shop/checkout", "shop/payment-service")
    assert story.near() == ([Lookalike("shop/payment-service", ("shop/payment",))], False)


def test_a_datastore_is_never_taken_for_a_service_of_nearly_its_name() -> None:
    story = (
        Story("shop/cart")
        .declared("shop/cart", "shop/cart-db:datastore")
        .seen("shop/cart", "shop/orders:datastore")
    )
    assert story.near() == ([], False)
    story.seen("shop/cart", "shop/cart:datastore")
    assert story.near() == ([Lookalike("shop/cart-db:datastore", ("shop/cart:datastore",))], False)


def test_what_both_sides_name_is_no_near_miss() -> None:
    story = Story("shop/payment").declared("shop/a", "shop/payments").seen("shop/a", "shop/payments")
    assert story.near() == ([], False)


def test_names_beyond_the_limit_are_not_searched_for_and_that_is_told() -> None:
    story = Story("shop/checkout", "shop/payment")
    for wrong in ("shop/paymen", "shop/paymentt", "shop/pyament"):
        story.declared("shop/checkout", wrong)
    found, more = story.near(most=2)
    assert [one.id for one in found] == ["shop/paymen", "shop/paymentt"]
    assert more


def test_only_services_of_the_edges_asked_for_are_searched_for() -> None:
    story = Story("shop/checkout", "shop/payment").declared("shop/checkout", "shop/paymnet")
    assert story.near(namespace="infra") == ([], False)
