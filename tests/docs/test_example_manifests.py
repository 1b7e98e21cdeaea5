"""Each example says what its own sources say: these services, these edges, these circles, nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from servicegraph.graph.alerts import Alerts, Moment, diff
from servicegraph.graph.columns import Node
from servicegraph.graph.components import find_circles
from servicegraph.model.observation import DeclaredObject
from servicegraph.model.servicedependency import ServiceDependencySpec
from servicegraph.model.translate import translate
from support import graphs
from support.declared import DAWN
from support.documents import ROOT
from support.reference import Fact

if TYPE_CHECKING:
    from pathlib import Path

    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.model.ids import ServiceKey


@dataclass(frozen=True)
class Example:
    """A folder of manifests, and what it restates."""

    folder: str
    namespace: str
    edges: int
    services: int

    @property
    def path(self) -> Path:
        return ROOT / "examples" / self.folder

    @cached_property
    def topology(self) -> dict[str, Any]:
        """What the sources say."""
        name = self.folder.partition("-")[2]
        told: dict[str, Any] = yaml.safe_load((ROOT / f"tests/topologies/{name}.yaml").read_text())
        return told

    @cached_property
    def objects(self) -> dict[str, dict[str, Any]]:
        """The ServiceDependency of each file, by the file's name."""
        found = {path.stem: yaml.safe_load(path.read_text()) for path in self.path.glob("*.yaml")}
        return {name: one for name, one in found.items() if one["kind"] == "ServiceDependency"}


EXAMPLES = [
    Example("01-online-boutique", "online-boutique", edges=19, services=15),
    Example("02-otel-demo", "otel-demo", edges=43, services=26),
    Example("03-deathstarbench-social-network", "social-network", edges=33, services=26),
]


@pytest.fixture(params=EXAMPLES, ids=lambda example: example.folder)
def example(request: pytest.FixtureRequest) -> Example:
    """Every example in turn."""
    chosen: Example = request.param
    return chosen


def test_every_example_is_looked_at() -> None:
    declaring = {one.folder for one in EXAMPLES}
    assert {path.name for path in (ROOT / "examples").iterdir()} - declaring == {"04-discovery", "06-ci"}


def test_every_service_that_somebody_owns_has_one_manifest_of_its_name(example: Example) -> None:
    owned = {name: kind for name, kind in example.topology["services"].items() if kind != "External"}
    assert {name: one["spec"]["service"]["kind"] for name, one in example.objects.items()} == owned
    for name, one in example.objects.items():
        assert one["metadata"] == {"name": name, "namespace": example.namespace}
        assert one["spec"]["service"]["name"] == name


def test_the_manifests_declare_exactly_the_edges_of_the_sources(example: Example) -> None:
    declared = {
        (name, edge["name"]): [edge["protocol"].lower(), edge.get("requirement", "unknown")]
        for name, one in example.objects.items()
        for edge in one["spec"].get("dependencies", [])
    }
    expected = {
        (source, target): says
        for source, edges in example.topology["edges"].items()
        for target, says in edges.items()
    }
    assert declared == expected
    assert len(expected) == example.edges
    assert len(example.topology["services"]) == example.services


def test_a_dependency_names_the_kind_of_its_target(example: Example) -> None:
    for one in example.objects.values():
        for edge in one["spec"].get("dependencies", []):
            assert edge.get("kind", "Service") == example.topology["services"][edge["name"]]


def test_each_circle_of_the_sources_raises_one_alert_and_nothing_else_does(example: Example) -> None:
    found = find_circles(_snapshot(example))
    alerts = diff(Alerts.of([]), found, Moment(1, DAWN)).alerts.by_name.values()
    members = sorted([key.name for key in alert.members] for alert in alerts)
    assert members == example.topology["circles"]


def test_no_manifest_has_a_field_that_the_schema_does_not_know(example: Example) -> None:
    assert example.objects
    for one in example.objects.values():
        ServiceDependencySpec.model_validate(one["spec"], extra="forbid")


@pytest.mark.parametrize("field", ["technology", "team", "criticality"])
def test_every_manifest_says_who_owns_the_service_and_how_much_it_matters(
    example: Example, field: str
) -> None:
    assert all(one["spec"]["service"][field] for one in example.objects.values())


def test_the_namespace_comes_first_when_the_folder_is_applied(example: Example) -> None:
    first = min(path for path in example.path.iterdir() if path.suffix == ".yaml")
    namespace = yaml.safe_load(first.read_text())
    assert (namespace["kind"], namespace["metadata"]["name"]) == ("Namespace", example.namespace)


def _snapshot(example: Example) -> Snapshot:
    """The graph that the manifests make."""
    said = [_declared(one) for one in example.objects.values()]
    edges = [edge for one in said for edge in one.observations]
    keys: set[ServiceKey] = {one.statement.service for one in said} | {edge.target for edge in edges}
    place = {key: number for number, key in enumerate(sorted(keys))}
    facts = [
        Fact(place[one.source], place[one.target], mode=one.mode, requirement=one.requirement)
        for one in edges
    ]
    return graphs.snapshot(facts, [Node(key) for key in place])


def _declared(one: dict[str, Any]) -> DeclaredObject:
    """What the operator makes of a manifest."""
    given = {"uid": one["metadata"]["name"], "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z"}
    translated = translate({**one, "metadata": {**one["metadata"], **given}})
    assert isinstance(translated, DeclaredObject), translated
    return translated
