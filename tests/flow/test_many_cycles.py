"""Very many circles, and a very large one: every alert is written once, every transition told once, and objects stay small."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from servicegraph.model.cyclealert import INSTANCE_LABEL, MAX_SHOWN
from support.apiserver import ApiServer
from support.operators import Operator, eventually
from support.ringed import Ringed
from support.specs import spec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from servicegraph.local.cluster import Cluster
    from servicegraph.local.kubectl import Kubectl

MINUTES = 60.0


@pytest.fixture
def rings(
    stopped_operator: Operator, control_plane: Cluster, kubectl: Kubectl, namespace: str
) -> Iterator[Ringed]:
    yield Ringed(kubectl, ApiServer(control_plane.kubeconfig), stopped_operator, namespace)
    if stopped_operator.process is not None:
        stopped_operator.stop()
    kubectl("delete", "cyclealerts", f"--selector={INSTANCE_LABEL}={stopped_operator.instance}")


def declare(rings: Ringed, calls: Mapping[str, str]) -> None:
    """Create an object for each service that calls another, many at a time."""
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(
            lambda ends: rings.server.create(
                rings.namespace, spec({"name": ends[1]}, name=ends[0]), name=ends[0]
            ),
            calls.items(),
        )
        assert {answer.code for answer in answers} == {201}


@pytest.mark.parametrize("circles", [30, pytest.param(1_000, marks=pytest.mark.soak)])
def test_many_circles_at_once_are_each_alerted_and_told_once(rings: Ringed, circles: int) -> None:
    pairs = [(f"s{at}-a", f"s{at}-b") for at in range(circles)]
    declare(rings, {one: other for pair in pairs for one, other in (pair, pair[::-1])})
    operator = rings.operator.start()
    eventually(lambda: len(rings.alerts()) == circles, "an alert for each circle", 10 * MINUTES)
    told = circles + 2 * circles
    eventually(
        lambda: operator.metric("servicegraph_events_total", reason="CycleOpened") == told,
        "an Event on each alert and on each declaration",
        10 * MINUTES,
    )
    assert {one["status"]["state"] for one in rings.alerts()} == {"Open"}
    assert operator.metric("servicegraph_events_total", result="created") == told
    assert operator.metric("servicegraph_alert_writes_total", result="created") == circles
    assert operator.metric("servicegraph_alert_writes_total", result="written") == circles

    def statuses() -> float:
        return operator.metric("servicegraph_status_writes_total", result="written")

    eventually(lambda: statuses() >= 2 * circles, "each declaration got its status", 10 * MINUTES)
    # On a slow machine a few are told that they are stored before the graph shows their circle.
    assert statuses() <= 3 * circles
    assert operator.metric("servicegraph_cycle_alerts", state="Open") == circles


@pytest.mark.parametrize("size", [150, pytest.param(2_000, marks=pytest.mark.soak)])
def test_a_very_large_circle_is_shown_in_part_and_says_so(rings: Ringed, size: int) -> None:
    names = [f"s{at:04}" for at in range(size)]
    declare(rings, dict(zip(names, names[1:] + names[:1], strict=True)))
    rings.operator.start()

    def shown() -> list[int]:
        return [one["status"]["memberCount"] for one in rings.alerts() if one["status"]["state"] == "Open"]

    eventually(lambda: shown() == [size], "one alert about all of them", 10 * MINUTES)
    (alert,) = [one for one in rings.alerts() if one["status"]["state"] == "Open"]
    status = alert["status"]
    assert status["truncated"] is True
    assert len(status["members"]) == len(status["edges"]) == MAX_SHOWN
    assert len(status["witness"]) == MAX_SHOWN + 1
    assert f"({size - 6} more)" in status["path"]
    assert len(json.dumps(alert)) < 32_768
    rings.team.wait(names[0], names[-1], condition="InCycle")
