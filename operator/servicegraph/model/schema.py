"""From a pydantic model to the structural schema that a CustomResourceDefinition takes.

Kubernetes takes a part of OpenAPI 3.0: no references, no titles, no union with null, no `additionalProperties` beside
`properties`. What pydantic says in those ways is said here in the ways that the API server understands. `model.crd` calls this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servicegraph.model.fields import TAKES, TOLD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

_RULES = "x-kubernetes-validations"
_DROPPED = {"title", "$defs", "$ref", "anyOf", "propertyNames"}
"""Said otherwise, or (a bound on the keys of a map) by a CEL rule of the field."""


def structural(model: type[BaseModel]) -> dict[str, Any]:
    """The structural schema of `model`, by the names that its fields have in YAML.

    Raises:
        ValueError: the model uses a union that such a schema cannot say.
    """
    raw = model.model_json_schema(by_alias=True)
    return _said(raw, raw.get("$defs", {}))


def _said(node: Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    """One node of the schema with everything inlined; what the field says wins over what its type says."""
    merged: dict[str, Any] = {}
    for part in (_referred(node, shared), _not_null(node, shared)):
        merged.update(part)
    merged.update({key: value for key, value in node.items() if key not in _DROPPED})
    if merged.get("default", ...) is None:
        del merged["default"]
    if "const" in merged:
        merged["enum"] = [merged.pop("const")]
    if (
        "patternProperties" in merged
    ):  # the pattern of a map's keys has no place here: a CEL rule of the field says it
        (merged["additionalProperties"],) = merged.pop("patternProperties").values()
    if "properties" in merged:
        merged.pop("additionalProperties", None)
        merged["properties"] = {name: _said(one, shared) for name, one in merged["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(merged.get(key), dict):
            merged[key] = _said(merged[key], shared)
    if merged.get("pattern") in TOLD:
        merged[_RULES] = [_told(merged.pop("pattern")), *merged.get(_RULES, ())]
    return _in_order(merged)


def _told(pattern: str) -> dict[str, str]:
    """The rule for a pattern that is told in words."""
    return {"rule": TOLD[pattern], "message": f"write {TAKES[pattern]}"}


def _referred(node: Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    """What the node refers to, inlined."""
    return _said(shared[node["$ref"].rpartition("/")[2]], shared) if "$ref" in node else {}


def _not_null(node: Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    """The one alternative that is not null: a field that may be left out."""
    choices = [one for one in node.get("anyOf", ()) if one.get("type") != "null"]
    if len(choices) > 1:
        raise ValueError(f"a structural schema has no union of {choices}")
    return _said(choices[0], shared) if choices else {}


def _in_order(node: dict[str, Any]) -> dict[str, Any]:
    """What a reader wants first comes first: the description and the type; the long lists come last."""
    first = ["description", "type", "format", "default", "enum"]
    last = ["required", "properties", "items", _RULES]
    middle = sorted(set(node).difference(first, last))
    return {key: node[key] for key in (*first, *middle, *last) if key in node}
