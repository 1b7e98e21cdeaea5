"""From a manifest to what it proposes for the graph, or to everything that is wrong with it: what the API server would say.

The schemas are those of the CRDs (`model`), read strictly as kubectl asks the API server to: an unknown field is refused. What
the API server checks of every object's metadata is checked here too. A test holds both to the same verdicts. An object that
was accepted goes the way of `model.translate`; admission and `servicegraph check` come here. `checks.changes` goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from servicegraph.checks.finding import Code, Finding, cut
from servicegraph.checks.metadata import metadata_faults, unknown_fields
from servicegraph.graph.columns import ObjectName
from servicegraph.model import cyclealert, discoverysource, servicedependency
from servicegraph.model.cyclealert import CycleAlertSpec
from servicegraph.model.discoverysource import NAME_IS_RESERVED, RESERVED_NAME, DiscoverySourceSpec
from servicegraph.model.faults import Fault, faults, shown
from servicegraph.model.servicedependency import API_VERSION, GROUP, Part, ServiceDependencySpec
from servicegraph.model.translate import SELF_DEPENDENCY, Refusal, said_by

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from servicegraph.model.observation import Observation, Statement

MAX_FAULTS = 20
"""Faults that are told of one manifest."""

_FIELDS = ("apiVersion", "kind", "metadata", "spec", "status")


class _Kind(NamedTuple):
    """A kind of ours."""

    spec: type[Part]
    namespaced: bool
    needs_spec: bool


KINDS: Mapping[str, _Kind] = {
    servicedependency.KIND: _Kind(ServiceDependencySpec, namespaced=True, needs_spec=True),
    cyclealert.KIND: _Kind(CycleAlertSpec, namespaced=False, needs_spec=False),
    discoverysource.KIND: _Kind(DiscoverySourceSpec, namespaced=False, needs_spec=True),
}


@dataclass(frozen=True, slots=True)
class Proposal:
    """A good manifest of a ServiceDependency."""

    object: ObjectName
    statement: Statement
    observations: tuple[Observation, ...]
    """In the order of `spec.dependencies`."""
    manifest: int = 0
    """Its number among those that are looked at."""


def is_ours(body: Any) -> bool:
    """Whether it is an object of our group, well formed or not."""
    version = body.get("apiVersion") if isinstance(body, dict) else None
    return isinstance(version, str) and version.partition("/")[0] == GROUP


def read(body: Mapping[str, Any], namespace: str, manifest: int = 0) -> Proposal | list[Finding]:
    """What an object of our group proposes; the findings (errors) where it is not valid, none where it is but of another kind.

    Args:
        body: the whole object.
        namespace: where it is applied if it names none.
        manifest: its number among those that are looked at.
    """
    kind = KINDS.get(body["kind"]) if isinstance(body.get("kind"), str) else None
    name = _object_name(body, namespace, kind)
    found, spec = _spec(body, kind)
    found = [*_form(body), *metadata_faults(body.get("metadata")), *found]
    if found or not isinstance(spec, ServiceDependencySpec):
        return [_invalid(one, name, manifest) for one in found[:MAX_FAULTS]]
    said = said_by(name.namespace, spec)
    if isinstance(said, Refusal):
        code = Code.SELF_DEPENDENCY if said.reason == SELF_DEPENDENCY else Code.DUPLICATE_DEPENDENCY
        return [Finding(code, code.explanation.severity, cut(said.message), name, manifest, said.path)]
    return Proposal(name, said.statement, said.observations, manifest)


def _invalid(fault: Fault, name: ObjectName, manifest: int) -> Finding:
    return Finding(
        Code.INVALID, Code.INVALID.explanation.severity, cut(str(fault)), name, manifest, fault.path
    )


def _object_name(body: Mapping[str, Any], namespace: str, kind: _Kind | None) -> ObjectName:
    """Which object it is, as far as that can be told."""
    meta = body.get("metadata")
    name, place = _name(body), meta.get("namespace") if isinstance(meta, dict) else None
    place = (place if isinstance(place, str) and place else namespace) if not kind or kind.namespaced else ""
    return ObjectName(cut(place, 63), cut(name, 253) if isinstance(name, str) else "")


def _form(body: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong with what every object has."""
    if body.get("apiVersion") != API_VERSION:
        yield Fault("apiVersion", f"{shown(body.get('apiVersion'))} is not served; write {API_VERSION}")
    if body.get("kind") not in KINDS:
        yield Fault("kind", f"{shown(body.get('kind'))} is no kind of {GROUP}; there are {', '.join(KINDS)}")
    if body.get("kind") == discoverysource.KIND and _name(body) == RESERVED_NAME:
        yield Fault("metadata.name", NAME_IS_RESERVED)
    yield from unknown_fields(body, _FIELDS, "")


def _name(body: Mapping[str, Any]) -> Any:
    """The name that is given, whatever it is."""
    meta = body.get("metadata")
    return meta.get("name") if isinstance(meta, dict) else None


def _spec(body: Mapping[str, Any], kind: _Kind | None) -> tuple[list[Fault], Part | None]:
    """What is wrong with the spec, else the spec."""
    spec = body.get("spec")
    if kind is None:
        return [], None
    if spec is None:
        return ([Fault("spec", "is required; add it")] if kind.needs_spec else []), None
    try:
        return [], kind.spec.model_validate(spec, extra="forbid")
    except ValidationError as error:
        return faults(error), None
