"""The generator held to a real OpenTelemetry Collector: the same calls, sent as spans, come out as the same series."""

from __future__ import annotations

import re
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from servicegraph.local.traffic import topology
from servicegraph.local.traffic.calls import Manner, calls
from support import collectors, spans
from support.operators import eventually
from support.showing import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servicegraph.settings import LocalSettings

pytestmark = pytest.mark.soak

GIVEN = sorted((Path(__file__).parents[1] / "traffic").glob("*.yaml"))


@pytest.fixture(scope="module")
def program(local_settings: LocalSettings, pytestconfig: pytest.Config) -> Path:
    """The collector's program; building it takes minutes, once."""
    return collectors.locate(local_settings, shown(pytestconfig))


@pytest.fixture
def collector(program: Path, tmp_path: Path) -> Iterator[collectors.Collector]:
    with collectors.serve(program, tmp_path) as running:
        yield running


def series(collector: collectors.Collector) -> set[frozenset[tuple[str, str]]]:
    """The labels of the counters of calls."""
    with urllib.request.urlopen(f"http://127.0.0.1:{collector.port}/metrics") as answer:
        page = answer.read().decode()
    lines = [line for line in page.splitlines() if line.startswith("traces_service_graph_request_total{")]
    return {frozenset(re.findall(r'(\w+)="([^"]*)"', line)) for line in lines}


@pytest.mark.parametrize("peer_service", [True, False])
@pytest.mark.parametrize("given", GIVEN, ids=lambda path: path.stem)
def test_the_generator_shows_the_series_that_a_real_collector_makes_of_the_spans(
    collector: collectors.Collector, given: Path, peer_service: bool
) -> None:
    told = topology.read(given)
    spans.once(told, spans.Style("shop", peer_service=peer_service)).post(collector.otlp)
    generated = calls(told, Manner("shop", peer_service=peer_service))
    expected = {frozenset((*one.labels, ("failed", "false"))) for one in generated}
    eventually(lambda: series(collector) == expected, "the collector shows exactly these")


def test_a_failed_call_is_a_series_of_its_own(collector: collectors.Collector) -> None:
    told = topology.read(GIVEN[0])
    every = frozenset((link.source.name, link.target.name) for link in told.links)
    spans.once(told, spans.Style("shop")).post(collector.otlp)
    spans.once(told, spans.Style("shop", failing=every)).post(collector.otlp)
    expected = {
        frozenset((*one.labels, ("failed", failed)))
        for one in calls(told, Manner("shop"))
        for failed in ("true", "false")
    }
    eventually(lambda: series(collector) == expected, "each call twice")
