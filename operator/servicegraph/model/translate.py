"""From the body of a ServiceDependency, as Kubernetes holds it, to what it declares: the way of every object into the graph.

The API server has checked the object already, but perhaps by an older schema, and it cannot see that a target with an explicit
namespace is the object's own. So everything is checked again, and an object that cannot be accepted becomes a `StalledObject`
that says why. Pure: no clock, no graph. `reconcile.run` calls it next before `ingest.commit`.
"""

from __future__ import annotations

from sys import intern
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from servicegraph.model.faults import faults, summary
from servicegraph.model.fields import parse_time
from servicegraph.model.ids import Kind, ServiceKey
from servicegraph.model.observation import DeclaredObject, Observation, StalledObject, Statement
from servicegraph.model.servicedependency import Dependency, ServiceDependencySpec
from servicegraph.model.vocabulary import Evidence, Mode, Requirement

if TYPE_CHECKING:
    from collections.abc import Mapping

INVALID_SPEC = "InvalidSpec"
"""The spec does not match the schema of this version."""
SELF_DEPENDENCY = "SelfDependency"
"""The service declares that it depends on itself."""
DUPLICATE_DEPENDENCY = "DuplicateDependency"
"""Two entries mean the same target, one by its namespace and one by leaving it out."""

MAX_MESSAGE = 1000


class Said(NamedTuple):
    """What a good spec says, targets and source known in full."""

    statement: Statement
    observations: tuple[Observation, ...]


class Refusal(NamedTuple):
    """Why a spec that is well formed cannot be accepted in its namespace."""

    reason: str
    """CamelCase, for the condition."""
    message: str
    """What is wrong, which field, how to mend it."""
    path: str
    """The field."""


def translate(body: Mapping[str, Any]) -> DeclaredObject | StalledObject:
    """What the object declares, or why it cannot be accepted. `body` is the whole object, metadata included."""
    meta = body["metadata"]
    identity = {
        "uid": meta["uid"],
        "namespace": meta["namespace"],
        "name": meta["name"],
        "generation": meta["generation"],
        "created_at": parse_time(meta["creationTimestamp"]),
    }
    try:
        spec = ServiceDependencySpec.model_validate(body.get("spec") or {})
    except ValidationError as error:
        return StalledObject(**identity, reason=INVALID_SPEC, message=summary(faults(error))[:MAX_MESSAGE])
    said = said_by(meta["namespace"], spec)
    if isinstance(said, Refusal):
        return StalledObject(**identity, reason=said.reason, message=said.message[:MAX_MESSAGE])
    return DeclaredObject(**identity, statement=said.statement, observations=said.observations)


def said_by(namespace: str, spec: ServiceDependencySpec) -> Said | Refusal:
    """What a spec says in an object of this namespace, or why it cannot be accepted there."""
    targets = [target_key(namespace, one.name, one.namespace, one.kind) for one in spec.dependencies or ()]
    source = ServiceKey("", namespace, spec.service.name, spec.service.kind)
    refusal = _refusal(source, targets)
    if refusal:
        return refusal
    edges = zip(targets, spec.dependencies or (), strict=True)
    return Said(_statement(source, spec), tuple(_observation(source, target, one) for target, one in edges))


def target_key(own_namespace: str, name: str, namespace: str, kind: str) -> ServiceKey:
    """Whom a dependency means: no namespace is the object's own, and none at all for an External."""
    place = "" if kind == Kind.EXTERNAL else namespace or own_namespace
    return ServiceKey("", intern(place), intern(name), intern(kind))


def _refusal(source: ServiceKey, targets: list[ServiceKey]) -> Refusal | None:
    """Why the targets, now that they are known in full, cannot stand beside each other; None if they can."""
    first: dict[ServiceKey, int] = {}
    for position, target in enumerate(targets):
        path = f"spec.dependencies[{position}]"
        if target == source:
            return Refusal(
                SELF_DEPENDENCY,
                f"{path} is {source} itself: remove it, or name another namespace or kind if another service is meant",
                path,
            )
        if target in first:
            return Refusal(
                DUPLICATE_DEPENDENCY,
                f"{path} and spec.dependencies[{first[target]}] both mean {target}, one with its namespace"
                " and one without: keep one of them",
                path,
            )
        first[target] = position
    return None


def _statement(source: ServiceKey, spec: ServiceDependencySpec) -> Statement:
    """What the object says about its own service."""
    service = spec.service
    return Statement(
        service=source,
        technology=service.technology,
        team=service.team,
        criticality=service.criticality,
        target=service.availability_target,
        labels=dict(service.labels or {}),
    )


def _observation(source: ServiceKey, target: ServiceKey, said: Dependency) -> Observation:
    """One declared edge."""
    acceptance = said.accepted_cycle
    return Observation(
        raw_key=str(target),
        raw={"name": said.name, "namespace": said.namespace, "kind": said.kind},
        source=source,
        target=target,
        evidence=Evidence.DECLARED,
        protocol=said.protocol or "",
        mode=Mode[said.mode.upper()],
        requirement=Requirement[said.requirement.upper()],
        details=_details(said),
        accepted=acceptance is not None,
        accepted_until=parse_time(acceptance.until) if acceptance and acceptance.until else None,
    )


def _details(said: Dependency) -> dict[str, Any]:
    """What is kept with the edge and never traversed; a default says nothing and is left out."""
    return said.model_dump(
        by_alias=True,
        exclude_defaults=True,
        include={"timeout", "retry", "expected_interval", "observation", "accepted_cycle", "description"},
    )
