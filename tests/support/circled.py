"""Graphs whose circles have alerts, made by the product's own decision, for tests of what shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicegraph.graph.alerts import NO_NEWS, Alerts, Moment, diff
from servicegraph.graph.components import find_circles
from servicegraph.graph.snapshot import build
from support import shop
from support.alerting import BEGINNING
from support.graphs import MARK, PROTOCOLS, PROVIDERS, columns, snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicegraph.graph.alerts import Diff, News
    from servicegraph.graph.columns import Mark, Node
    from servicegraph.graph.snapshot import Snapshot
    from support.reference import Fact


def next_version(
    facts: Sequence[Fact],
    nodes: Sequence[Node] = shop.NODES,
    before: Alerts | None = None,
    mark: Mark = MARK,
    news: News = NO_NEWS,
) -> tuple[Snapshot, Diff]:
    """The graph of these facts with its alerts, and what the version changes in them."""
    found = find_circles(snapshot(facts, nodes))
    changed = diff(before or Alerts.of([]), found, Moment(mark.version, BEGINNING), news)
    alerts = list(changed.alerts.by_name.values())
    return build(mark, nodes, PROVIDERS, PROTOCOLS, columns(facts), alerts=alerts), changed


def the_shop() -> Snapshot:
    """The shop with the alert of its one circle."""
    return next_version(shop.FACTS)[0]
