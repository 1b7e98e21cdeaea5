"""The status of a ServiceDependency: what the operator answers on the object itself.

The models shape the CRD's schema and the reference pages; `writeback.desired` fills them as plain dictionaries, because that is
what server-side apply sends and what is compared. Everything is bounded: nothing here grows with the graph.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from servicegraph.model.fields import REASON_PATTERN
from servicegraph.model.servicedependency import Part

if TYPE_CHECKING:
    from pydantic.config import JsonDict

MAX_MESSAGE = 32_768
_INT64: JsonDict = {"format": "int64"}


class Condition(Part):
    """One aspect of the object's state, in the shape that all of Kubernetes shares."""

    type: Annotated[str, Field(min_length=1, max_length=63)] = Field(
        description="Which aspect; the list of conditions says which there are."
    )
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds.")
    observed_generation: int | None = Field(
        default=None,
        ge=0,
        description="The generation of the spec that this condition is about.",
        json_schema_extra=_INT64,
    )
    last_transition_time: Annotated[str, Field(max_length=40, json_schema_extra={"format": "date-time"})] = (
        Field(description="When the status last changed.")
    )
    reason: Annotated[str, Field(min_length=1, max_length=128, pattern=REASON_PATTERN)] = Field(
        description="Why, in one CamelCase word for programs."
    )
    message: Annotated[str, Field(max_length=MAX_MESSAGE)] = Field(
        description="Why, in a sentence for people."
    )


class Summary(Part):
    """How what is declared compares with what is observed, in numbers."""

    declared: int | None = Field(default=None, ge=0, description="Dependencies that this object declares.")
    observed: int | None = Field(default=None, ge=0, description="Of these, how many telemetry shows.")
    unobserved: int | None = Field(
        default=None,
        ge=0,
        description="Of these, how many telemetry should show and does not; Optional ones do not count.",
    )
    undeclared: int | None = Field(
        default=None, ge=0, description="Calls of this service that telemetry shows and nobody declares."
    )
    unresolved: int | None = Field(
        default=None, ge=0, description="Declared dependencies on services that nobody knows."
    )


class Status(Part):
    """What the statuses of objects that people write have in common."""

    observed_generation: int | None = Field(
        default=None,
        ge=-1,
        description="The generation of the spec that this status is about; -1 until the operator has seen the object.",
        json_schema_extra=_INT64,
    )


class ServiceDependencyStatus(Status):
    """What the operator knows about this declaration."""

    conditions: Annotated[list[Condition], Field(max_length=16)] | None = Field(
        default=None,
        description="Ready: this generation is accepted and stored. Resolved: every service that it names is known. Observed:"
        " telemetry agrees. InCycle: it is part of a circle, which never makes it less Ready. Reconciling, Stalled and"
        " Conflicting are there while they apply.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    summary: Summary | None = Field(default=None, description="Declared against observed, in numbers.")
    cycles: Annotated[list[Annotated[str, Field(max_length=63)]], Field(max_length=10)] | None = Field(
        default=None,
        description="Names of the CycleAlerts that dependencies of this object are part of, at most 10.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    graph_version: int | None = Field(
        default=None,
        ge=0,
        description="The version of the graph that was current once this generation was stored. It does not move"
        " with the graph.",
        json_schema_extra=_INT64,
    )
