"""The life of a call, from its first sample to its end, on a real Prometheus, through a real operator.

The settings make hours of absence seconds, so that nothing waits for longer than Prometheus' own window.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from servicegraph.discovery.presets import PRESETS, within
from servicegraph.local import ports
from servicegraph.local.traffic import topology
from servicegraph.local.traffic.calls import Call, Manner, calls
from support.manifests import manifest
from support.operators import Operator, eventually
from support.sources import SourceObject
from support.teams import Team

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from servicegraph.local.cluster import Cluster
    from servicegraph.local.traffic.counters import Counters
    from support.databases import PostgresServer
    from support.prometheuses import PrometheusServer

ABSENCE_HOURS = 0.0005  # 1.8 s
WINDOW_SECONDS = 8
QUERY = within(PRESETS["OTelCollector"].presence, timedelta(seconds=WINDOW_SECONDS))
"""What the preset asks, but for a window that a test can outlast."""


@dataclass(frozen=True)
class World:
    """An operator and a source of its own, for the tests of this file."""

    operator: Operator
    source: SourceObject
    prometheus: PrometheusServer
    counters: Counters
    replica: Counters
    namespace: str

    def poll(self) -> None:
        """Have the source polled, and wait until that is stored."""
        self.source.poll(self.operator, preset="Custom", custom={"presence": QUERY})

    def turn_to(self, url: str) -> None:
        """Have another server asked from now on."""
        self.source.url = url
        self.source.apply(preset="Custom", custom={"presence": QUERY})

    def ids(self, *names: str) -> tuple[str, ...]:
        return tuple(f"{self.namespace}/{name}" for name in names)

    def edge(self, source: str, target: str) -> dict[str, Any] | None:
        """The edge as it is served, stale ones included; None where there is none."""
        items = self.operator.get(
            f"/api/v1/edges?limit=1000&include_stale=true&namespace={self.namespace}"
        ).json()["items"]
        ends = self.ids(source, target)
        return next((one for one in items if (one["source"], one["target"]) == ends), None)

    def calls(self, *pairs: tuple[str, str]) -> list[Call]:
        services = [{"name": name, "kind": "service"} for pair in pairs for name in pair]
        edges = [{"from": client, "to": server} for client, server in pairs]
        return calls(
            topology.parse({"name": "t", "services": services, "edges": edges}), Manner(self.namespace)
        )

    def series(self, client: str, seconds: int = 0) -> int:
        """How many series of a client's calls Prometheus has, now or within the last seconds."""
        selector = f'traces_service_graph_request_total{{client="{client}",client_k8s_namespace_name="{self.namespace}"}}'
        found = self.prometheus.query(
            f"count(last_over_time({selector}[{seconds}s]))" if seconds else f"count({selector})"
        )
        return int(found[0]["value"][1]) if found else 0

    @property
    def team(self) -> Team:
        return Team(self.source.kubectl, self.namespace)

    def trusted(self, client: str, confidence: float) -> dict[str, Any]:
        """The call of a client to `server`, once it is served with this confidence."""

        def edge() -> dict[str, Any]:
            return self.edge(client, "server") or {"confidence": None}

        eventually(lambda: edge()["confidence"] == pytest.approx(confidence), f"{client} at {confidence}")
        return edge()

    def marked(self, name: str) -> None:
        """Wait until what is declared now is served, and with it all that was stored before."""
        self.team.apply(manifest(name))
        eventually(lambda: self.operator.get(f"/api/v1/services/{self.namespace}/{name}").status == 200, name)

    def scraped(self, client: str, number: int) -> None:
        eventually(lambda: self.series(client) == number, f"{number} series of {client}")


@pytest.fixture(scope="module")
def shared(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: PostgresServer,
    template_database: str,
    control_plane: Cluster,
    prometheus: PrometheusServer,
    scraped_replicas: tuple[Counters, Counters],
) -> Iterator[World]:
    kubectl, run = control_plane.kubectl, secrets.token_hex(3)
    namespace, source = f"lives-{run}", SourceObject(kubectl, f"lives-{run}", prometheus.url)
    kubectl.create_namespace(namespace)
    with postgres_server.database(template=template_database) as database:
        operator = Operator(
            tmp_path_factory.mktemp("operator"),
            postgres_server.url_of(database),
            control_plane.operator_kubeconfig,
            namespaces=namespace,
            extra={"CYCLE_ABSENCE_HOURS": str(ABSENCE_HOURS)},
        ).start()
        try:
            yield World(operator, source, prometheus, *scraped_replicas, namespace)
        finally:
            source.delete()
            operator.stop()
            for one in scraped_replicas:
                one.restart()
            kubectl(
                "delete",
                "--raw",
                f"/apis/servicegraph.dev/v1alpha1/namespaces/{namespace}/servicedependencies",
            )


@pytest.fixture
def world(shared: World) -> World:
    return shared


def test_the_first_call_is_an_edge_which_the_second_poll_confirms(world: World) -> None:
    (first,) = world.calls(("first", "server"))
    world.counters.add(first)
    world.scraped("first", 1)
    world.poll()
    world.trusted("first", 0.425)
    world.poll()
    world.trusted("first", 0.85)


def test_twins_replicas_and_a_collector_that_begins_anew_change_nothing(world: World) -> None:
    (twin,) = world.calls(("twin", "server"))
    for one in (world.counters, world.replica):
        one.add(twin, 100)
        one.add(twin, 100, failed=True)
    world.scraped("twin", 4)
    world.poll()
    world.poll()
    before, version = world.trusted("twin", 0.85), world.operator.version()
    assert [one["name"] for one in before["providers"]] == [world.source.name]
    for one in (world.counters, world.replica):
        one.restart()
    world.scraped("twin", 0)
    world.poll()
    world.counters.add(twin)
    world.scraped("twin", 1)
    world.poll()
    world.marked("after-twin")
    assert world.edge("twin", "server") == before
    assert world.operator.version() == version + 1, "a steady state makes no version; the mark made one"


def test_a_fix_that_removes_the_last_call_closes_the_alert_and_the_edge_is_still_told_of(
    world: World,
) -> None:
    world.team.apply(manifest("orders", "stock"), manifest("stock"))
    world.team.wait("orders", "stock")
    (back,) = world.calls(("stock", "orders"))
    world.counters.add(back)
    world.scraped("stock", 1)
    world.poll()
    eventually(lambda: world.edge("stock", "orders") is not None, "the call back is an edge")
    assert alerts(world, "orders") == set(), "what was seen once raises no alert"
    world.poll()
    eventually(lambda: alerts(world, "orders") == {"Open"}, "the circle of a declared and a seen call")

    world.counters.expire(back)
    eventually(lambda: world.series("stock", seconds=WINDOW_SECONDS) == 0, "Prometheus' window has passed")
    world.poll()
    eventually(lambda: presence(world.edge("stock", "orders")) == [False], "it is missing")
    # Each poll makes the source, and with it the absence, older by what has passed.
    eventually_polling(world, lambda: alerts(world, "orders") == {"Resolved"}, "the alert is closed")
    edge = world.edge("stock", "orders")
    assert edge is not None, "forgotten only after STALE_EDGE_RETENTION_HOURS"
    assert edge["stale"] is False


def presence(edge: dict[str, Any] | None) -> list[bool]:
    """Of an edge's providers, which see it now."""
    return [one["present"] for one in edge["providers"]] if edge else []


def alerts(world: World, member: str) -> set[str]:
    """The states of the alerts that this service is part of."""
    items = world.operator.get("/api/v1/cycles").json()["items"]
    return {one["state"] for one in items if world.ids(member)[0] in one["members"]}


def eventually_polling(world: World, holds: Callable[[], bool], what: str) -> None:
    """Poll until it holds."""

    def polled() -> bool:
        world.poll()
        return holds()

    eventually(polled, what)


def test_a_prometheus_that_is_gone_ages_nothing_and_recovers_by_itself(world: World) -> None:
    (kept,) = world.calls(("kept", "server"))
    world.counters.add(kept)
    world.scraped("kept", 1)
    world.poll()
    world.poll()
    before, version = world.trusted("kept", 0.85), world.operator.version()
    world.turn_to(f"http://127.0.0.1:{ports.free()}")
    eventually(lambda: world.source.condition("Healthy").get("status") == "False", "an outage is told of")
    assert world.source.condition("Ready")["status"] == "True", "an outage is not the fault of the spec"
    world.turn_to(world.prometheus.url)
    eventually(lambda: world.source.condition("Healthy").get("status") == "True", "it has recovered")
    world.marked("after-outage")
    assert world.edge("kept", "server") == before
    assert world.operator.version() == version + 1, "neither the outage nor its end made one; the mark did"
