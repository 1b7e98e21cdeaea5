"""Asking a real Prometheus as a source of telemetry does, about one namespace: that of a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicegraph.clock import SystemClock
from servicegraph.discovery.poll import poll
from servicegraph.discovery.sources import Asking, translate
from servicegraph.model.telemetry import Connection, RawCall, VirtualEnd
from servicegraph.settings import Settings
from support.operators import eventually

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.given import Given
    from support.prometheuses import PrometheusServer

_ENDS = ("client", "server")


def asking_of(prometheus: PrometheusServer) -> Asking:
    """How a Prometheus is asked, by the shortest interval and window that there are."""
    spec = {"prometheus": {"url": prometheus.url}, "interval": "15s", "window": "30s"}
    made = translate({"metadata": {"name": "otel"}, "spec": spec}, Settings())
    assert isinstance(made, Asking)
    return made


async def polled(asking: Asking, home: str) -> Mapping[RawCall, int | None]:
    """The calls of a namespace that one poll brings, each with the power of ten of its volume."""
    found = await poll(asking.source, asking.access, SystemClock())
    assert found.failure is None
    return {
        call: volume
        for call, volume in found.calls.items()
        if home in {call.client_namespace, call.server_namespace}
    }


def await_scraped(prometheus: PrometheusServer, home: str, series: int, least: int = 1) -> None:
    """Wait until Prometheus has so many series of the namespace now, and at least so many samples of each."""
    ends = [f'traces_service_graph_request_total{{{end}_k8s_namespace_name="{home}"}}' for end in _ENDS]
    now = f"count({' or '.join(ends)})"
    samples = f"min({' or '.join(f'count_over_time({end}[1h])' for end in ends)})"

    def enough() -> bool:
        found = [[float(one["value"][1]) for one in prometheus.query(query)] for query in (now, samples)]
        return found[0] == [series] and found[1][0] >= least

    eventually(enough, f"{series} series of {home} are scraped {least} times")


def direct(home: str, client: str, server: str) -> RawCall:
    return RawCall(client, server, home, home)


def shown(given: Given, home: str) -> set[RawCall]:
    """The calls of a topology, all of whose services are in one namespace, as far as a collector shows them."""
    expected = {direct(home, *edge) for edge in given.plain}
    expected |= {
        RawCall(client, server, home, "", Connection.DATABASE) for client, server in given.to("database")
    }
    expected |= {
        RawCall(client, server, home, "", Connection.VIRTUAL, VirtualEnd.SERVER)
        for client, server in given.to("cache", "external", "infrastructure")
    }
    expected |= {
        RawCall(client, server, home, home, Connection.MESSAGING) for client, server in given.relayed
    }
    return expected
