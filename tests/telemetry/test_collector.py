"""A real OpenTelemetry Collector: what it makes of spans is what the generator shows, and what a poll brings home."""

from __future__ import annotations

import re
import urllib.request
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from servicegraph.ingest.declared import Declared
from servicegraph.ingest.resolve import resolve
from servicegraph.local.traffic import topology
from servicegraph.local.traffic.calls import Manner, calls
from servicegraph.model.telemetry import Connection, RawCall, VirtualEnd
from support import collectors, spans
from support.asking import await_scraped, polled
from support.asking import shown as calls_shown
from support.given import ALL, Given
from support.operators import eventually
from support.showing import shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from servicegraph.discovery.sources import Asking
    from servicegraph.settings import LocalSettings
    from support.prometheuses import PrometheusServer

pytestmark = pytest.mark.soak


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
@pytest.mark.parametrize("given", ALL, ids=lambda given: given.name)
def test_the_generator_shows_the_series_that_a_real_collector_makes_of_the_spans(
    collector: collectors.Collector, given: Given, peer_service: bool
) -> None:
    told = topology.parse(given.said)
    spans.once(told, spans.Style("shop", peer_service=peer_service)).post(collector.otlp)
    generated = calls(told, Manner("shop", peer_service=peer_service))
    expected = {frozenset((*one.labels, ("failed", "false"))) for one in generated}
    eventually(lambda: series(collector) == expected, "the collector shows exactly these")


def test_a_failed_call_is_a_series_of_its_own(collector: collectors.Collector) -> None:
    told = topology.parse(ALL[0].said)
    every = frozenset((link.source.name, link.target.name) for link in told.links)
    spans.once(told, spans.Style("shop")).post(collector.otlp)
    spans.once(told, spans.Style("shop", failing=every)).post(collector.otlp)
    expected = {
        frozenset((*one.labels, ("failed", failed)))
        for one in calls(told, Manner("shop"))
        for failed in ("true", "false")
    }
    eventually(lambda: series(collector) == expected, "each call twice")


@pytest.fixture
def scraped_collector(collector: collectors.Collector, prometheus: PrometheusServer) -> Iterator[str]:
    """The collector, scraped; where it takes spans."""
    with prometheus.scraping("collector", collector.port):
        yield collector.otlp


@pytest.mark.parametrize("new_names", [True, False])
@pytest.mark.parametrize("given", ALL, ids=lambda given: given.name)
async def test_a_poll_brings_every_call_that_was_sent_as_spans(
    prometheus: PrometheusServer,
    asking: Asking,
    scraped_collector: str,
    home: str,
    given: Given,
    new_names: bool,
) -> None:
    spans.once(topology.parse(given.said), spans.Style(home, new_names=new_names)).post(scraped_collector)
    expected = calls_shown(given, home)
    await_scraped(prometheus, home, len(expected))
    if new_names:  # a cache with the newer attributes is a database, by its name
        expected = {
            replace(one, connection=Connection.DATABASE, virtual=VirtualEnd.NONE)
            if given.kinds[one.server] == "cache"
            else one
            for one in expected
        }
    assert set(await polled(asking, home)) == expected


async def test_consumers_that_only_link_to_the_producer_leave_nothing_but_names_in_quarantine(
    prometheus: PrometheusServer, asking: Asking, scraped_collector: str, home: str
) -> None:
    (demo,) = (given for given in ALL if given.name == "opentelemetry-demo")
    spans.once(topology.parse(demo.said), spans.Style(home, linked=True)).post(scraped_collector)
    plain = calls_shown(demo, home) - {
        RawCall(a, b, home, home, Connection.MESSAGING) for a, b in demo.relayed
    }
    await_scraped(prometheus, home, len(plain) + 3)
    sightings = resolve(asking.source, Declared(()), await polled(asking, home)).sightings.values()
    assert {one.call for one in sightings if not one.quarantined} == plain
    doubtful = {(one.call.client, one.call.server) for one in sightings if one.quarantined}
    assert doubtful == {("checkout", "unknown"), ("user", "accounting"), ("user", "fraud-detection")}
