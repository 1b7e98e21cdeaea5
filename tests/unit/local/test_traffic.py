"""The generator shows what a real collector shows: compared with the page of one, and call by call."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from servicegraph.errors import BadInput
from servicegraph.local.traffic import exporter, topology
from servicegraph.local.traffic.calls import Call, Manner, calls
from servicegraph.local.traffic.counters import Counters

GIVEN = Path(__file__).parents[2] / "traffic"
DEMO = GIVEN / "opentelemetry-demo.yaml"


def series(page: str, suffix: str = "_total") -> set[str]:
    return {line for line in page.splitlines() if line.startswith(f"traces_service_graph_request{suffix}{{")}


def test_the_series_of_the_demo_are_those_of_a_real_collector_to_the_letter() -> None:
    counters = Counters()
    manner = Manner("shop", "opentelemetry-demo", peer_service=False)
    for one in calls(topology.read(DEMO), manner):
        counters.add(one, 3, failed=(one.client, one.server) == ("checkout", "payment"))
    page = (GIVEN / "opentelemetry-demo.metrics.txt").read_text()
    # Those came of consumers whose spans are linked to the producer's instead of being its children.
    linked = {line for line in series(page) if line.partition("{")[2].startswith('client="user"')}
    assert len(linked) == 2
    assert series(counters.page()) == series(page) - linked
    assert series(counters.page(), "_failed_total") == series(page, "_failed_total")


def test_a_call_is_39_series_as_the_connector_makes_them() -> None:
    counters = Counters()
    counters.add(a_call())
    assert len([line for line in counters.page().splitlines() if not line.startswith("#")]) == 39


def test_the_page_is_read_by_the_reader_of_prometheus_whatever_the_names_are() -> None:
    counters = Counters()
    counters.add(a_call(client='a"b\\c\nd'), 4)
    counters.add(a_call(client='a"b\\c\nd'), failed=True)
    families = {family.name: family for family in text_string_to_metric_families(counters.page())}
    total = families["traces_service_graph_request"].samples
    assert {(one.labels["client"], one.labels["failed"], one.value) for one in total} == {
        ('a"b\\c\nd', "false", 4),
        ('a"b\\c\nd', "true", 1),
    }
    assert families["traces_service_graph_request_server_seconds"].type == "histogram"


def test_nothing_is_shown_before_its_first_call_or_after_it_expired_or_after_a_restart() -> None:
    counters, first, second = Counters(), a_call(client="a"), a_call(client="b")
    assert series(counters.page()) == set()
    counters.add(first)
    counters.add(second)
    counters.expire(first)
    assert [line.partition('client="')[2][0] for line in series(counters.page())] == ["b"]
    counters.restart()
    assert series(counters.page()) == set()
    counters.add(second)
    assert {line.rpartition(" ")[2] for line in series(counters.page())} == {"1"}


def a_call(client: str = "a") -> Call:
    document = {
        "name": "t",
        "services": [{"name": client, "kind": "service"}, {"name": "z", "kind": "service"}],
        "edges": [{"from": client, "to": "z"}],
    }
    (one,) = calls(topology.parse(document), Manner("shop"))
    return one


def shape(
    parts: dict[str, str], *edges: dict[str, Any], manner: Manner | None = None
) -> list[dict[str, str]]:
    """The labels that tell calls apart, without empty ones as Prometheus stores them."""
    services = [{"name": name, "kind": kind, "tech": f"{name}-tech"} for name, kind in parts.items()]
    document = {"name": "t", "services": services, "edges": list(edges)}
    made = calls(topology.parse(document), manner or Manner("shop"))
    return [
        {name: value for name, value in one.labels if value and not name.startswith("otel_")} for one in made
    ]


def test_a_call_between_services_carries_both_namespaces_and_no_connection_type() -> None:
    assert shape({"a": "client", "b": "service"}, {"from": "a", "to": "b"}) == [
        {
            "client": "a",
            "server": "b",
            "client_k8s_namespace_name": "shop",
            "server_k8s_namespace_name": "shop",
        }
    ]


def test_a_database_is_seen_from_its_caller_alone() -> None:
    assert shape({"a": "service", "d": "database"}, {"from": "a", "to": "d"}) == [
        {"client": "a", "server": "d", "client_k8s_namespace_name": "shop", "connection_type": "database"}
    ]


@pytest.mark.parametrize(("peer_service", "name"), [(True, "c"), (False, "redis")])
def test_a_cache_is_a_virtual_node_under_its_own_name_or_that_of_what_it_runs(
    peer_service: bool, name: str
) -> None:
    edge = {"from": "a", "to": "c", "protocol": "redis"}
    (one,) = shape({"a": "service", "c": "cache"}, edge, manner=Manner("shop", peer_service=peer_service))
    assert (one["server"], one["connection_type"], one["virtual_node"]) == (name, "virtual_node", "server")
    assert "server_k8s_namespace_name" not in one


def test_a_queue_never_appears_and_its_producers_meet_the_first_consumer_only() -> None:
    edges = [
        {"from": "p", "to": "q"},
        {"from": "c1", "to": "q", "role": "consumer"},
        {"from": "c2", "to": "q", "note": "Consumer of orders"},
        {"from": "p2", "to": "q"},
    ]
    parts = {"p": "service", "p2": "service", "c1": "service", "c2": "service", "q": "queue"}
    found = shape(parts, *edges)
    assert [(one["client"], one["server"], one["connection_type"]) for one in found] == [
        ("p", "c1", "messaging_system"),
        ("p2", "c1", "messaging_system"),
    ]


def test_who_calls_from_outside_is_a_virtual_client_without_a_namespace() -> None:
    (one,) = shape({"a": "gateway", "b": "client"}, manner=Manner("shop", entrances=True))
    assert one == {
        "client": "user",
        "server": "a",
        "server_k8s_namespace_name": "shop",
        "connection_type": "virtual_node",
        "virtual_node": "client",
    }


def test_a_connector_without_dimensions_shows_no_namespace_at_all() -> None:
    manner = Manner("shop", "one", dimensions=False, entrances=True)
    found = shape({"a": "service", "b": "service"}, {"from": "a", "to": "b"}, manner=manner)
    assert not any(name.endswith(("namespace_name", "namespace")) for one in found for name in one)


def test_each_end_has_the_namespace_that_the_file_names_for_it() -> None:
    document = {
        "name": "t",
        "services": [
            {"name": "a", "kind": "service", "namespace": "left"},
            {"name": "b", "kind": "service", "namespace": "right"},
        ],
        "edges": [{"from": "a", "to": "b"}],
    }
    (one,) = calls(topology.parse(document), Manner("shop"))
    said = dict(one.labels)
    assert (said["client_k8s_namespace_name"], said["server_k8s_namespace_name"]) == ("left", "right")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[]", "a topology is a mapping"),
        ("name: t\nservices: []", "'edges' is missing"),
        ("name: t\nservices: []\nedges: [{from: a, to: b}]", "'a' is missing, or an edge names a service"),
        ("name: t\nservices: [{name: a, kind: toaster}]\nedges: []", "'toaster' is not a valid Part"),
        ("name: t\nservices: 3\nedges: []", "lists of mappings"),
        ("{", "cannot be read as a topology"),
    ],
)
def test_what_is_no_topology_is_refused_with_the_file_and_the_fault(
    tmp_path: Path, text: str, why: str
) -> None:
    (tmp_path / "topology.yaml").write_text(text)
    with pytest.raises(BadInput, match=rf"topology\.yaml.*{why}"):
        topology.read(tmp_path / "topology.yaml")


@given(st.sets(st.tuples(st.integers(0, 6), st.integers(0, 6))))
def test_between_services_there_is_one_call_for_each_edge(pairs: set[tuple[int, int]]) -> None:
    edges = [{"from": f"s{a}", "to": f"s{b}"} for a, b in pairs]
    found = shape({f"s{n}": "service" for n in range(7)}, *edges, *edges)
    assert sorted((one["client"], one["server"]) for one in found) == sorted(
        (f"s{a}", f"s{b}") for a, b in pairs
    )


def test_the_counters_are_served_as_they_stand_and_nothing_else_is() -> None:
    counters = Counters()
    with exporter.serve(counters) as port:
        url = f"http://127.0.0.1:{port}/metrics"
        counters.add(a_call())
        with urllib.request.urlopen(url) as answer:
            assert answer.read().decode() == counters.page()
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        with pytest.raises(urllib.error.HTTPError, match="404") as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/")
        refused.value.close()


def test_a_player_lets_every_call_happen_until_it_is_told_to_stop() -> None:
    counters, stop = Counters(), threading.Event()
    stop.set()
    exporter.play([a_call("a"), a_call("b")], counters, stop)
    assert len(series(counters.page())) == 2
