"""The schema that ships is the one that the models say, in the part of OpenAPI that Kubernetes takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import pytest
import yaml
from click.testing import CliRunner
from pydantic import BaseModel, Field

from servicegraph import bundle
from servicegraph.cli.crds import crds
from servicegraph.model.crd import cyclealert, discoverysource, files, servicedependency
from servicegraph.model.fields import TAKES, TOLD
from servicegraph.model.schema import structural

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = {
    made["spec"]["names"]["plural"]: made for made in (servicedependency(), cyclealert(), discoverysource())
}


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every node of a schema with its path."""
    yield path, schema
    for name, one in schema.get("properties", {}).items():
        yield from nodes(one, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from nodes(schema[key], f"{path}[]")


def schema(crd: dict[str, Any]) -> dict[str, Any]:
    """The schema of the only version of a definition."""
    (version,) = crd["spec"]["versions"]
    found: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return found


NODES = {(kind, path): node for kind, crd in KINDS.items() for path, node in nodes(schema(crd))}


def test_the_files_are_what_the_models_say() -> None:
    shipped = {path.name: path.read_text(encoding="utf-8") for path in bundle.folder("crds").iterdir()}
    assert shipped == files(), "run `python -m servicegraph.cli.crds`"


def test_the_command_finds_the_files_up_to_date() -> None:
    done = CliRunner().invoke(crds, ["--check"])
    assert done.exit_code == 0, done.output


def test_no_node_says_what_a_structural_schema_does_not_take() -> None:
    foreign = {"$ref", "$defs", "title", "anyOf", "const", "patternProperties", "propertyNames"}
    assert not [(path, found) for path, node in NODES.items() if (found := foreign & node.keys())]
    assert not [
        path for path, node in NODES.items() if "properties" in node and "additionalProperties" in node
    ]
    assert all("type" in node for node in NODES.values())


def test_every_string_list_and_map_is_bounded() -> None:
    bound = {"string": ("maxLength", "enum"), "array": ("maxItems",)}
    unbounded = [
        (kind, path)
        for (kind, path), node in NODES.items()
        if path.startswith((".spec", ".status"))
        and node["type"] in bound
        and not any(key in node for key in bound[node["type"]])
    ]
    assert not unbounded
    assert not [
        path for path, node in NODES.items() if "additionalProperties" in node and "maxProperties" not in node
    ]


def test_every_field_that_people_write_is_described_in_a_sentence() -> None:
    silent = [
        (kind, path)
        for (kind, path), node in NODES.items()
        if path.startswith((".spec", ".status"))
        and not path.endswith("[]")
        and not str(node.get("description", "")).endswith((".", "…"))
    ]
    assert not silent


def test_every_rule_says_what_to_do() -> None:
    rules = [rule for node in NODES.values() for rule in node.get("x-kubernetes-validations", ())]
    assert len(rules) > 50
    assert all(len(rule["message"].split()) > 5 for rule in rules)


def test_no_pattern_that_has_words_is_told_as_a_bare_regex() -> None:
    assert not [path for path, node in NODES.items() if node.get("pattern") in TOLD]
    assert TOLD.keys() <= TAKES.keys()


def test_a_status_begins_as_not_yet_seen() -> None:
    assert all(NODES[kind, ".status"]["default"] == {"observedGeneration": -1} for kind in KINDS)


def test_dependencies_are_a_map_by_name_namespace_and_kind() -> None:
    dependencies = NODES["servicedependencies", ".spec.dependencies"]
    assert dependencies["x-kubernetes-list-type"] == "map"
    keys = dependencies["x-kubernetes-list-map-keys"]
    assert keys == ["name", "namespace", "kind"]
    item = dependencies["items"]
    assert all(key in item["required"] or "default" in item["properties"][key] for key in keys)


def test_the_files_are_plain_yaml_without_anchors() -> None:
    for name, text in files().items():
        assert yaml.safe_load(text) == KINDS[name.removesuffix(".yaml")]
        assert "&id" not in text


def test_a_union_that_kubernetes_cannot_say_is_refused() -> None:
    class Either(BaseModel):
        one: Annotated[int | str, Field(description="either")]

    with pytest.raises(ValueError, match="no union"):
        structural(Either)
