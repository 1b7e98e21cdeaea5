"""A shop to ask about: every kind of service, every kind of evidence, a circle, and names that need care.

frontend ─▶ checkout ⇄ payment ─▶ api.stripe.com (External)
    ┊           ├▶ orders (Datastore), ⇢ events (Queue)
    ▼           └▶ cache (Datastore; there is a Queue of that name too)
 legacy (stale evidence only)            unknown ─▶ frontend (quarantined)
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from servicegraph.graph.columns import Mark, Node
from servicegraph.graph.snapshot import build
from servicegraph.model.ids import parse_id
from support.graphs import MARK, PROTOCOLS, PROVIDERS, columns
from support.reference import Fact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicegraph.graph.snapshot import Snapshot

API, OTEL = 1, 3
HTTP, GRPC, SQL = 1, 2, 3
ASYNC = 2
SOFT = 1

CHECKOUT = Node(
    parse_id("shop/checkout"),
    technology="go",
    team="payments",
    criticality="High",
    target="99.95",
    labels=(("tier", "backend"),),
    stated=True,
)

NODES = (
    Node(parse_id("-/api.stripe.com:external")),
    Node(parse_id("-/unknown")),
    Node(parse_id("infra/cache"), stated=True),
    CHECKOUT,
    Node(parse_id("shop/cache:datastore"), technology="redis", stated=True),
    Node(parse_id("shop/cache:queue"), stated=True),
    Node(parse_id("shop/events:queue"), technology="kafka", stated=True),
    Node(parse_id("shop/frontend"), team="web", stated=True),
    Node(parse_id("shop/legacy")),
    Node(parse_id("shop/orders:datastore"), technology="postgresql", stated=True),
    Node(parse_id("shop/payment"), team="payments", stated=True),
)


def edge(source: str, target: str, fact: Fact) -> Fact:
    """`fact` between the services with these ids."""
    place = {str(node.key): number for number, node in enumerate(NODES)}
    return fact._replace(source=place[source], target=place[target])


DECLARED = Fact(0, 0)
SEEN = Fact(0, 0, provider=OTEL, evidence=3, requirement=0)
POSTED = Fact(0, 0, provider=API, evidence=2, mode=0, requirement=0)

FACTS = (
    edge("shop/frontend", "shop/checkout", DECLARED._replace(protocol=GRPC)),
    edge("shop/frontend", "shop/checkout", SEEN._replace(protocol=HTTP)),
    edge("shop/checkout", "shop/payment", DECLARED._replace(protocol=GRPC)),
    edge("shop/checkout", "shop/orders:datastore", DECLARED._replace(protocol=SQL)),
    edge("shop/checkout", "shop/events:queue", DECLARED._replace(mode=ASYNC, requirement=SOFT)),
    edge("shop/checkout", "shop/cache:datastore", POSTED),
    edge("shop/payment", "shop/checkout", SEEN),
    edge("shop/payment", "-/api.stripe.com:external", DECLARED._replace(protocol=HTTP)),
    edge("shop/frontend", "shop/legacy", SEEN._replace(present=False, stale=True)),
    edge("-/unknown", "shop/frontend", SEEN._replace(quarantined=True)),
)


def snapshot(mark: Mark = MARK, facts: Sequence[Fact] = FACTS, nodes: Sequence[Node] = NODES) -> Snapshot:
    """The shop, or another one."""
    return build(mark, nodes, PROVIDERS, PROTOCOLS, columns(facts))


def later(versions: int = 1) -> Mark:
    """The mark of a version after the shop's own."""
    return replace(MARK, version=MARK.version + versions)
