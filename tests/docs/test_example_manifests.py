"""Example 01 says what the Online Boutique's own sources say: these services, these edges, nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from servicegraph.model.servicedependency import ServiceDependencySpec
from support.documents import ROOT

FOLDER = ROOT / "examples/01-online-boutique"
TOPOLOGY = yaml.safe_load((ROOT / "tests/topologies/online-boutique.yaml").read_text())


def objects() -> dict[str, dict[str, Any]]:
    """The ServiceDependency of each file, by the file's name."""
    found = {path.stem: yaml.safe_load(path.read_text()) for path in FOLDER.glob("*.yaml")}
    return {name: one for name, one in found.items() if one["kind"] == "ServiceDependency"}


def test_every_service_that_somebody_owns_has_one_manifest_of_its_name() -> None:
    owned = {name: kind for name, kind in TOPOLOGY["services"].items() if kind != "External"}
    assert {name: one["spec"]["service"]["kind"] for name, one in objects().items()} == owned
    for name, one in objects().items():
        assert one["metadata"] == {"name": name, "namespace": "online-boutique"}
        assert one["spec"]["service"]["name"] == name


def test_the_manifests_declare_exactly_the_edges_of_the_sources() -> None:
    declared = {
        (name, edge["name"]): [edge["protocol"].lower(), edge["requirement"]]
        for name, one in objects().items()
        for edge in one["spec"].get("dependencies", [])
    }
    expected = {
        (source, target): says
        for source, edges in TOPOLOGY["edges"].items()
        for target, says in edges.items()
    }
    assert declared == expected
    assert len(expected) == 19
    assert len(TOPOLOGY["services"]) == 15


def test_a_dependency_names_the_kind_of_its_target() -> None:
    for one in objects().values():
        for edge in one["spec"].get("dependencies", []):
            assert edge.get("kind", "Service") == TOPOLOGY["services"][edge["name"]]


def test_no_manifest_has_a_field_that_the_schema_does_not_know() -> None:
    assert objects()
    for one in objects().values():
        ServiceDependencySpec.model_validate(one["spec"], extra="forbid")


@pytest.mark.parametrize("field", ["technology", "team", "criticality"])
def test_every_manifest_says_who_owns_the_service_and_how_much_it_matters(field: str) -> None:
    assert all(one["spec"]["service"][field] for one in objects().values())


def test_the_namespace_comes_first_when_the_folder_is_applied() -> None:
    first = min(path for path in FOLDER.iterdir() if path.suffix == ".yaml")
    assert yaml.safe_load(first.read_text())["kind"] == "Namespace"
