"""The given topologies, emitted as traffic, scraped by a real Prometheus, discovered by a real operator.

One operator and one source see all of them at once, each in namespaces of its own. The traffic comes from the generator; in the
long tests as spans, through a real collector.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from servicegraph.local.traffic import topology
from servicegraph.local.traffic.calls import Manner, calls
from support import collectors, scenes, spans
from support.given import ALL
from support.manifests import text
from support.operators import Operator, eventually
from support.showing import shown
from support.sources import SourceObject

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from servicegraph.local.cluster import Cluster
    from servicegraph.local.kubectl import Kubectl
    from servicegraph.local.traffic.counters import Counters
    from servicegraph.settings import LocalSettings
    from support.databases import PostgresServer
    from support.prometheuses import PrometheusServer
    from support.scenes import Scene

RUN = secrets.token_hex(3)
SCENES = {
    f"{given.name}-{make.__name__}": make(f"{given.name[:12].strip('-')}-{make.__name__}-{RUN}", given)
    for given in ALL
    for make in (scenes.bare, scenes.whole, scenes.halves)
}
"""By what the tests are called."""


@dataclass(frozen=True)
class World:
    """All scenes in one cluster, discovered."""

    operator: Operator
    source: SourceObject
    kubectl: Kubectl

    def edges(self, namespace: str) -> dict[tuple[str, str], dict[str, Any]]:
        """The edges of a namespace, by the ids of their ends."""
        items = self.operator.get(f"/api/v1/edges?limit=1000&namespace={namespace}").json()["items"]
        return {(one["source"], one["target"]): one for one in items}

    def seen(self, namespace: str) -> dict[tuple[str, str], dict[str, Any]]:
        """Those that telemetry shows."""
        return {
            ends: one
            for ends, one in self.edges(namespace).items()
            if self.source.name in {provider["name"] for provider in one["providers"]}
        }


def made_in(scene: Scene) -> topology.Topology:
    """The calls that are made in a scene."""
    return topology.parse(scene.given.only(scene.called).said)


@contextlib.contextmanager
def generated(counters: Counters) -> Iterator[None]:
    """All calls of all scenes, shown by the generator."""
    for scene in SCENES.values():
        for call in calls(made_in(scene), Manner(scene.namespace)):
            counters.add(call, 2)
    yield
    counters.restart()


@contextlib.contextmanager
def collected(program: Path, folder: Path, prometheus: PrometheusServer) -> Iterator[None]:
    """All calls of all scenes, sent as spans to a real collector."""
    with collectors.serve(program, folder) as collector, prometheus.scraping(f"all-{RUN}", collector.port):
        for scene in SCENES.values():
            spans.once(made_in(scene), spans.Style(scene.namespace)).post(collector.otlp)
        yield


@pytest.fixture(scope="module", params=["generator", pytest.param("collector", marks=pytest.mark.soak)])
def traffic(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    local_settings: LocalSettings,
    prometheus: PrometheusServer,
    scraped_replicas: tuple[Counters, Counters],
) -> Iterator[None]:
    """All calls of all scenes, scraped."""
    if request.param == "generator":
        emitting = generated(scraped_replicas[0])
    else:
        program = collectors.locate(local_settings, shown(request.config))
        emitting = collected(program, tmp_path_factory.mktemp("collector"), prometheus)
    ours = "|".join(scene.namespace for scene in SCENES.values())
    count = f'count(traces_service_graph_request_total{{client_k8s_namespace_name=~"{ours}"}})'
    number = str(sum(len(scene.seen) for scene in SCENES.values()))
    with emitting:
        eventually(
            lambda: [one["value"][1] for one in prometheus.query(count)] == [number],
            f"{number} series are scraped",
        )
        yield


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: PostgresServer,
    template_database: str,
    control_plane: Cluster,
    prometheus: PrometheusServer,
    traffic: None,
) -> Iterator[World]:
    """All scenes declared and emitted, and two polls in a row stored, so that what is seen is confirmed."""
    kubectl = control_plane.kubectl
    namespaces = [scene.namespace for scene in SCENES.values()]
    source = SourceObject(kubectl, f"otel-{RUN}", prometheus.url)
    for scene in SCENES.values():
        kubectl.create_namespace(scene.namespace)
        if scene.objects:
            declared = text(*scene.manifests())
            kubectl("apply", "--server-side", f"--namespace={scene.namespace}", "-f", "-", stdin=declared)
    with postgres_server.database(template=template_database) as database:
        operator = Operator(
            tmp_path_factory.mktemp("operator"),
            postgres_server.url_of(database),
            control_plane.operator_kubeconfig,
            namespaces=",".join(namespaces),
        ).start()
        try:
            for scene in SCENES.values():
                stored = partial(declared_in, operator, scene)
                eventually(stored, f"{scene.namespace} is stored")
            source.poll(operator)
            source.poll(operator)
            yield World(operator, source, kubectl)
        finally:
            source.delete()
            operator.stop()
            for namespace in namespaces:
                path = f"/apis/servicegraph.dev/v1alpha1/namespaces/{namespace}/servicedependencies"
                kubectl("delete", "--raw", path)


def declared_in(operator: Operator, scene: Scene) -> bool:
    """Whether the operator knows of every service of a scene that has an object: names are resolved by what is declared."""
    items = operator.get(f"/api/v1/services?limit=1000&namespace={scene.namespace}").json()["items"]
    return {one["id"] for one in items} >= {scene.id(name) for name in scene.owned}


@pytest.fixture(params=SCENES, ids=str)
def scene(request: pytest.FixtureRequest) -> Scene:
    """Every scene in turn."""
    return SCENES[request.param]


def test_the_graph_has_exactly_the_edges_that_can_be_seen_or_are_declared(world: World, scene: Scene) -> None:
    eventually(lambda: set(world.seen(scene.namespace)) == scene.seen, f"{scene.namespace}: what is seen")
    assert set(world.edges(scene.namespace)) == scene.seen | scene.said


def test_what_was_seen_twice_is_trusted_as_far_as_both_ends_tell_of_it(world: World, scene: Scene) -> None:
    made = scene.given.only(scene.called)
    both = {(scene.id(source), scene.id(target)) for source, target in made.plain | made.relayed}
    found = {ends: one["confidence"] for ends, one in world.seen(scene.namespace).items()}
    alone = {ends: 0.85 if ends in both else 0.6 for ends in scene.seen}
    expected = {
        ends: round(1 - 0.05 * (1 - weight), 4) if ends in scene.said else weight
        for ends, weight in alone.items()
    }
    assert {ends: round(value, 4) for ends, value in found.items()} == expected


def test_only_messages_are_asynchronous(world: World, scene: Scene) -> None:
    relayed = {(scene.id(a), scene.id(b)) for a, b in scene.given.only(scene.called).relayed} - scene.said
    found = world.seen(scene.namespace).items()
    assert {ends for ends, one in found if one["mode"] == "Async"} == relayed


def test_the_real_circle_raises_an_alert_and_nothing_else_does(world: World, scene: Scene) -> None:
    def open_circles() -> set[frozenset[str]]:
        items = world.operator.get("/api/v1/cycles").json()["items"]
        rings = {frozenset(one["members"]) for one in items if one["state"] == "Open"}
        return {ring for ring in rings if any(name.startswith(f"{scene.namespace}/") for name in ring)}

    eventually(lambda: open_circles() == scene.circles, f"{scene.namespace}: {scene.circles}")
    if not scene.swapped:
        real = {frozenset(scene.id(name) for name in circle) for circle in scene.given.circles}
        assert scene.circles <= real, "what must come of it is what the sources say"


def test_drift_tells_both_directions_apart_and_names_what_is_swapped(world: World, scene: Scene) -> None:
    found = world.operator.get(f"/api/v1/drift?namespace={scene.namespace}").json()

    def ends(edges: list[dict[str, Any]]) -> set[tuple[str, str]]:
        return {(one["source"], one["target"]) for one in edges}

    turned = scene.swapped
    assert ends(found["both"]) == scene.said & scene.seen
    assert ends(found["declared_only"]) == scene.said - scene.seen - scene.to_queues - turned
    assert ends(found["observed_only"]) == scene.undeclared - {(b, a) for a, b in turned}
    assert {(*ends([one["declared"]]), *ends([one["observed"]])) for one in found["swapped"]} == {
        ((a, b), (b, a)) for a, b in turned
    }


def test_every_object_says_how_much_of_it_is_observed(world: World, scene: Scene) -> None:
    def told() -> dict[str, Any]:
        items = json.loads(world.kubectl("get", "sdep", "-o", "json", f"--namespace={scene.namespace}"))[
            "items"
        ]
        found = {}
        for one in items:
            if "conditions" not in one["status"]:
                continue  # stored and seen already, and not reported on yet
            observed = [c for c in one["status"]["conditions"] if c["type"] == "Observed"]
            numbers = {
                name: one["status"]["summary"][name]
                for name in ("declared", "observed", "unobserved", "undeclared")
            }
            found[one["metadata"]["name"]] = (
                *((c["status"], c["reason"]) for c in observed),
                numbers,
            )
        return found

    expected = {}
    for name in scene.owned:
        status, reason, numbers = scene.observed(name)
        expected[name] = ((status, reason), numbers)
    if told() != expected:
        eventually(
            lambda: told() == expected,
            f"{ {name: (told().get(name), says) for name, says in expected.items() if told().get(name) != says} }",
        )


def test_the_source_says_that_nothing_is_unresolved(world: World) -> None:
    eventually(lambda: "lastPoll" in world.source.status(), "its numbers")
    status = world.source.status()
    assert status["lastPoll"].get("withoutNamespace", 0) == 0
    assert status.get("examples", {}).get("unresolved", []) == []
    assert world.source.condition("Healthy")["status"] == "True"
