"""What is served is stale while Postgres or the Kubernetes API is away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from servicegraph.clock import SteppedClock
from servicegraph.model.ports import Freshness
from servicegraph.reconcile.health import HealthBoard
from servicegraph.reconcile.served import KUBERNETES, ServedGraph

if TYPE_CHECKING:
    from servicegraph.graph.snapshot import Snapshot


@dataclass
class Graph:
    own: Freshness

    def current(self) -> Snapshot | None:
        return None

    def freshness(self) -> Freshness:
        return self.own


@pytest.mark.parametrize("own", [Freshness(stale=False, age=0.5), Freshness(stale=True, age=90.0)])
def test_while_kubernetes_answers_only_postgres_counts(own: Freshness) -> None:
    board = HealthBoard(SteppedClock())
    board.report(KUBERNETES, "away")
    board.clear(KUBERNETES)
    board.report("status", "writes wait")
    assert ServedGraph(Graph(own), board).freshness() == own


@pytest.mark.parametrize(("age", "older"), [(0.5, 30.0), (90.0, 90.0)])
def test_while_kubernetes_is_away_answers_are_stale_and_as_old_as_the_longer_absence(
    age: float, older: float
) -> None:
    clock = SteppedClock()
    board = HealthBoard(clock)
    board.report(KUBERNETES, "away")
    clock.step(timedelta(seconds=30))
    board.report(KUBERNETES, "still away")
    assert ServedGraph(Graph(Freshness(stale=False, age=age)), board).freshness() == Freshness(
        stale=True, age=older
    )
