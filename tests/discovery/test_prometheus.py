"""A real Prometheus that scrapes series as collectors and Tempo really show them, asked by the presets as they are."""

from __future__ import annotations

import contextlib
import http.server
import json
import re
import secrets
import threading
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from servicegraph.clock import SystemClock
from servicegraph.discovery.poll import poll
from servicegraph.discovery.sources import Asking, translate
from servicegraph.model.telemetry import Connection, RawCall, VirtualEnd
from servicegraph.settings import Settings
from support.operators import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servicegraph.model.telemetry import Poll
    from support.prometheuses import PrometheusServer

SERIES = Path(__file__).parent / "series"
PLAIN = "text/plain; version=0.0.4"
UTF8 = "text/plain; version=1.0.0; escaping=allow-utf-8"
MESSAGING, DATABASE, VIRTUAL = Connection.MESSAGING, Connection.DATABASE, Connection.VIRTUAL


class Page:
    """A page of metrics; what stands on it may change while it is scraped."""

    def __init__(self, text: str, content: str = PLAIN) -> None:
        self.namespace = f"ns-{secrets.token_hex(4)}"
        self.content = content
        self.write(text)

    def write(self, text: str) -> None:
        """NAMESPACE in the text is that of this page alone: the server is shared, and forgets nothing for a while."""
        self.text = text.replace("NAMESPACE", self.namespace)


@contextlib.contextmanager
def serving(page: Page) -> Iterator[int]:
    """The page over HTTP for the time of the block; its port."""

    class Exporter(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = page.text.encode()
            self.send_response(200)
            self.send_header("Content-Type", page.content)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Exporter) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


COUNTER = (
    'traces_service_graph_request_total{client="cart",server="checkout",client_k8s_namespace_name="NAMESPACE"'
)
FLOWS = """
flows_total{from="cart",to="checkout",from_ns="NAMESPACE",to_ns="NAMESPACE"} 7
flows_total{from="cart",to="redis",from_ns="NAMESPACE",to_ns="",kind="database"} 7
"""
TWINS = [f'{COUNTER},failed="{failed}"}} 1\n' for failed in ("true", "false")]


@pytest.fixture(scope="module")
def pages(prometheus: PrometheusServer) -> Iterator[dict[str, Page]]:
    """The pages of several exporters by name, once all have been scraped."""
    made = {
        "collector": Page((SERIES / "otel-collector.txt").read_text()),
        "tempo": Page((SERIES / "tempo.txt").read_text()),
        "twins": Page("".join(TWINS)),
        "replica": Page(""),
        "going": Page(f"{COUNTER}}} 1\n"),
        "flows": Page(FLOWS),
    }
    made["replica"].text = "".join(f"servicegraph_{line}\n" for line in made["twins"].text.splitlines())
    if not version(prometheus).startswith("2."):
        made["dotted"] = Page((SERIES / "dotted.txt").read_text(), UTF8)
    with contextlib.ExitStack() as stack:
        ports = [stack.enter_context(serving(page)) for page in made.values()]
        stack.enter_context(prometheus.scraping(f"test-{secrets.token_hex(4)}", *ports))
        up = f'up{{instance=~"127.0.0.1:({"|".join(map(str, ports))})"}} == 1'
        eventually(lambda: len(prometheus.query(up)) == len(ports), f"{ports} are scraped")
        yield made


def version(prometheus: PrometheusServer) -> str:
    with urllib.request.urlopen(f"{prometheus.url}/api/v1/status/buildinfo", timeout=10) as answer:
        return str(json.load(answer)["data"]["version"])


def asking(prometheus: PrometheusServer, preset: str = "OTelCollector", **more: Any) -> Asking:
    spec = {"preset": preset, "prometheus": {"url": prometheus.url}, **more}
    made = translate({"metadata": {"name": "otel"}, "spec": spec}, Settings())
    assert isinstance(made, Asking), made
    return made


async def polled(prometheus: PrometheusServer, preset: str = "OTelCollector", **more: Any) -> Poll:
    asked = asking(prometheus, preset, **more)
    made = await poll(asked.source, asked.access, SystemClock())
    assert made.failure is None
    assert made.dropped == {}
    return made


def of(made: Poll, page: Page) -> set[RawCall]:
    """The calls that stand on this page."""
    return {call for call in made.calls if page.namespace in {call.client_namespace, call.server_namespace}}


def on_page(text: str) -> set[RawCall]:
    """What stands on a page of the collector, read by a few plain patterns."""
    found = set()
    for line in text.splitlines():
        if line.startswith("traces_service_graph_request_total{"):
            said = dict(re.findall(r'(\w+)="([^"]*)"', line))
            found.add(
                RawCall(
                    said["client"],
                    said["server"],
                    said.get("client_k8s_namespace_name", ""),
                    said.get("server_k8s_namespace_name", ""),
                    Connection(said["connection_type"]),
                    VirtualEnd(said["virtual_node"]),
                )
            )
    return found


async def test_everything_that_a_collector_shows_is_a_call_and_nothing_else_is(
    prometheus: PrometheusServer, pages: dict[str, Page]
) -> None:
    made = await polled(prometheus)
    page = pages["collector"]
    assert of(made, page) == on_page(page.text)
    assert len(of(made, page)) > 40


async def test_tempo_is_read_by_its_counters_and_by_the_gauge_where_it_is_there(
    prometheus: PrometheusServer, pages: dict[str, Page]
) -> None:
    made = await polled(prometheus, "Tempo")
    ns = pages["tempo"].namespace
    assert of(made, pages["tempo"]) == {
        RawCall("checkout", "payment", ns, ns),
        RawCall("checkout", "accounting", ns, ns, MESSAGING),
        RawCall("payment", "ledger", ns, "", DATABASE),
        RawCall("payment", "api.bank.example", ns, "", VIRTUAL, VirtualEnd.SERVER),
        RawCall("user", "checkout", "", ns, VIRTUAL, VirtualEnd.CLIENT),
    }
    assert RawCall(f"{ns}-unprefixed", "cart") in made.calls, "the namespace could be that of either end"


async def test_twins_replicas_and_prefixes_are_one_call_seen_at_its_first_sample(
    prometheus: PrometheusServer, pages: dict[str, Page]
) -> None:
    made = await polled(prometheus)
    assert of(made, pages["twins"]) == {RawCall("cart", "checkout", pages["twins"].namespace)}


async def test_a_call_whose_series_is_gone_stays_within_the_window_and_its_volume_counts(
    prometheus: PrometheusServer, pages: dict[str, Page]
) -> None:
    page = pages["going"]
    seen = f'traces_service_graph_request_total{{client_k8s_namespace_name="{page.namespace}"}}'
    page.write(f"{COUNTER}}} 5000\n")
    eventually(lambda: prometheus.query(f"{seen} > 4999") != [], "the counter has moved")
    page.write("")
    eventually(lambda: prometheus.query(seen) == [], "the series is gone")
    made = await polled(prometheus)
    # `increase` extrapolates: what grew between two samples of a second may read as the double of it.
    assert made.calls[RawCall("cart", "checkout", page.namespace)] in {3, 4}


async def test_dotted_labels_are_read_where_prometheus_stores_them(
    prometheus: PrometheusServer, pages: dict[str, Page]
) -> None:
    if "dotted" not in pages:
        pytest.skip("Prometheus 2 stores no dotted labels; that it takes the query is what every test shows")
    ns = pages["dotted"].namespace
    assert of(await polled(prometheus), pages["dotted"]) == {
        RawCall("cart", "checkout", ns, ns),
        RawCall("cart", "redis", ns, "", VIRTUAL, VirtualEnd.SERVER),
    }


async def test_own_queries_find_what_no_preset_fits(
    prometheus: PrometheusServer, pages: dict[str, Page]
) -> None:
    own = {
        "presence": "max by (from, to, from_ns, to_ns, kind) (last_over_time(flows_total[$window]))",
        "volume": "sum by (from, to, from_ns, to_ns, kind) (last_over_time(flows_total[$window]) * 100)",
        "labels": {
            "client": "from",
            "server": "to",
            "clientNamespace": "from_ns",
            "serverNamespace": "to_ns",
            "connectionType": "kind",
        },
    }
    made = await polled(prometheus, "Custom", custom=own)
    ns = pages["flows"].namespace
    assert made.calls[RawCall("cart", "checkout", ns, ns)] == 2
    assert made.calls[RawCall("cart", "redis", ns, "", DATABASE)] == 2


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("sum by (", "it does not take the query: 400 Bad Request, "),
        ("up * on() group_right() up[5m]", "it does not take the query: 400 Bad Request, "),
        ("vector(1) + on() group_left() (up or vector(2))", "found duplicate series"),
        ("1", "the query gives a scalar: it must give an instant vector"),
        ("up[5m]", "the query gives a matrix: it must give an instant vector"),
    ],
)
async def test_a_query_that_prometheus_does_not_take_is_told_in_its_own_words(
    prometheus: PrometheusServer, query: str, words: str
) -> None:
    asked = asking(prometheus, "Custom", custom={"presence": query})
    made = await poll(asked.source, asked.access, SystemClock())
    assert made.failure is not None
    assert made.failure.reason == "QueryRefused"
    assert words in made.failure.message
    assert "instance=" not in made.failure.message, "no label of any series is repeated"
