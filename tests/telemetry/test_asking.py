"""What a poll brings home from a real Prometheus, which scrapes series as a collector shows them.

Each test works in a namespace of its own: what others have shown a moment ago is still in Prometheus' window.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from servicegraph.discovery.presets import PRESETS, within
from servicegraph.local import ports
from servicegraph.local.traffic import exporter, topology
from servicegraph.local.traffic.calls import Call, Manner, calls
from servicegraph.local.traffic.counters import Counters
from support.asking import await_scraped, direct, polled, shown
from support.given import ALL, Given
from support.operators import eventually

if TYPE_CHECKING:
    from servicegraph.discovery.sources import Asking
    from support.prometheuses import PrometheusServer


def in_namespace(home: str, *pairs: tuple[str, str]) -> list[Call]:
    """Calls between instrumented services of the namespace."""
    services = [{"name": name, "kind": "service"} for pair in pairs for name in pair]
    edges = [{"from": client, "to": server} for client, server in pairs]
    told = topology.parse({"name": "t", "services": services, "edges": edges})
    return calls(told, Manner(home))


@pytest.mark.parametrize("given", ALL, ids=lambda given: given.name)
async def test_a_poll_brings_every_call_of_a_topology_that_a_collector_can_show_and_no_other(
    prometheus: PrometheusServer, asking: Asking, counters: Counters, home: str, given: Given
) -> None:
    traffic = calls(topology.parse(given.said), Manner(home, given.name))
    for one in traffic:
        counters.add(one)
    await_scraped(prometheus, home, len(traffic))
    assert set(await polled(asking, home)) == shown(given, home)


async def test_the_first_call_is_seen_although_nothing_has_increased_yet(
    prometheus: PrometheusServer, asking: Asking, counters: Counters, home: str
) -> None:
    (first,) = in_namespace(home, ("a", "b"))
    counters.add(first)
    await_scraped(prometheus, home, 1)
    assert await polled(asking, home) == {direct(home, "a", "b"): None}


async def test_calls_that_fail_and_calls_that_do_not_are_one_call_and_so_are_replicas_of_a_collector(
    prometheus: PrometheusServer, asking: Asking, replicas: tuple[Counters, Counters], home: str
) -> None:
    both, failing, fine = in_namespace(home, ("a", "both"), ("a", "failing"), ("a", "fine"))
    for counters in replicas:
        counters.add(both)
        counters.add(both, failed=True)
        counters.add(failing, failed=True)
    replicas[0].add(fine)
    await_scraped(prometheus, home, 7)
    found = await polled(asking, home)
    assert set(found) == {direct(home, "a", name) for name in ("both", "failing", "fine")}


async def test_a_collector_that_begins_anew_loses_no_call_and_counts_none_twice(
    prometheus: PrometheusServer, asking: Asking, counters: Counters, home: str
) -> None:
    kept, dropped = in_namespace(home, ("a", "kept"), ("a", "dropped"))
    counters.add(kept, 500)
    counters.add(dropped, 500)
    await_scraped(prometheus, home, 2)
    counters.restart()
    await_scraped_away(prometheus, home)
    counters.add(kept, 3)
    await_scraped(prometheus, home, 1)
    found = await polled(asking, home)
    assert set(found) == {direct(home, "a", "kept"), direct(home, "a", "dropped")}, (
        "what was called a moment ago is still within the window"
    )
    assert found[direct(home, "a", "kept")] == 0, "3 calls, not 503 and not -497"


async def test_a_collector_that_is_down_for_a_while_takes_nothing_away(
    prometheus: PrometheusServer, asking: Asking, home: str
) -> None:
    (call,) = in_namespace(home, ("a", "b"))
    port = ports.free()
    with prometheus.scraping("restarted", port):
        before = Counters()
        before.add(call, 50)
        with exporter.serve(before, port):
            await_scraped(prometheus, home, 1)
        await_scraped_away(prometheus, home)
        assert set(await polled(asking, home)) == {direct(home, "a", "b")}
        after = Counters()
        after.add(call)
        with exporter.serve(after, port):
            await_scraped(prometheus, home, 1)
            assert await polled(asking, home) == {direct(home, "a", "b"): 0}


def await_scraped_away(prometheus: PrometheusServer, home: str) -> None:
    """Wait until Prometheus knows that the series have ended."""
    selector = f'traces_service_graph_request_total{{client_k8s_namespace_name="{home}"}}'
    eventually(lambda: prometheus.query(f"count({selector})") == [], f"the series of {home} have ended")


async def test_a_call_that_is_made_seldom_is_there_at_every_poll_until_its_series_expires(
    prometheus: PrometheusServer, asking: Asking, counters: Counters, home: str
) -> None:
    seconds = 4  # a window this short, that a test may outlast it
    query = within(PRESETS["OTelCollector"].presence, timedelta(seconds=seconds))
    short = replace(asking, source=replace(asking.source, query=query))
    (seldom,) = in_namespace(home, ("a", "seldom"))
    counters.add(seldom)
    # Longer than the window without another call: scraped again and again, the same value each time.
    await_scraped(prometheus, home, 1, least=2 * seconds)
    assert await polled(short, home) == {direct(home, "a", "seldom"): None}
    counters.expire(seldom)
    await_scraped_away(prometheus, home)
    assert await polled(short, home) == {direct(home, "a", "seldom"): None}, "not gone before the window is"
    selector = f'traces_service_graph_request_total{{client_k8s_namespace_name="{home}"}}'
    eventually(
        lambda: prometheus.query(f"last_over_time({selector}[{seconds}s])") == [], "the window has passed"
    )
    assert await polled(short, home) == {}
