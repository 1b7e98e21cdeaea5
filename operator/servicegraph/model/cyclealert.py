"""The CycleAlert object: what a person may write into it, and how the operator shows an alert on it.

`spec` belongs to people, `status` to the operator. Like those of ServiceDependency these models are the one source of the
schema (`model.crd`), of `kubectl explain` and of the operator's own check. The status is filled as a plain dictionary by
`writeback.alerts`. Whatever the size of a circle, the object stays small: every list is bounded, and `truncated` says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from servicegraph.model.fields import WORD_PATTERN, Text, Timestamp
from servicegraph.model.servicedependency import GROUP, Part
from servicegraph.model.status import Condition  # noqa: TC001 - pydantic reads the annotation

if TYPE_CHECKING:
    from pydantic.config import JsonDict

KIND = "CycleAlert"
PLURAL = "cyclealerts"
INSTANCE_LABEL = f"{GROUP}/instance"
"""Which operator an alert belongs to; one without it, made by a person, belongs to `DEFAULT_INSTANCE`."""
DEFAULT_INSTANCE = "servicegraph"

NOT_OPEN = "NotOpen"
"""The state of an alert that a person made and for which there is no circle."""

MAX_SHOWN = 50
"""Members, edges, cuts and steps of a path that an object shows."""
MAX_ID = 1024
"""Characters of a printed id."""
MAX_LINE = 8192
"""Characters of a path or a cut in one line."""

_INT64: JsonDict = {"format": "int64"}
_ATOMIC: JsonDict = {"x-kubernetes-list-type": "atomic"}
_WRITTEN_TIME: JsonDict = {"format": "date-time"}

Id = Annotated[str, Field(max_length=MAX_ID)]
Line = Annotated[str, Field(max_length=MAX_LINE)]
Time = Annotated[str, Field(max_length=40, json_schema_extra=_WRITTEN_TIME)]
Author = Annotated[str, Field(min_length=1, max_length=253, pattern=WORD_PATTERN)]
AlertName = Annotated[str, Field(max_length=63)]


class AlertAcknowledgement(Part):
    """Says that somebody knows about the circle. It covers the services that are in it now; one that joins opens it again."""

    reason: Annotated[Text, Field(min_length=1)] = Field(
        description="What is known about it or planned, for those who find it."
    )
    by: Author | None = Field(default=None, description="Who says so.")
    until: Timestamp | None = Field(
        default=None,
        description="When the alert opens again, such as 2027-01-31T00:00:00Z; left out, it does not by itself.",
    )


class CycleAlertSpec(Part):
    """What people say about the circle."""

    acknowledgement: AlertAcknowledgement | None = Field(
        default=None, description="Write it to acknowledge the circle, remove it to open the alert again."
    )


class CutEdge(Part):
    """One dependency that is cheap to remove."""

    source: Id = Field(description="The service that calls.")
    target: Id = Field(description="The service that is called.")
    reason: Annotated[str, Field(max_length=253)] = Field(
        description="Why it is cheap to remove, such as Async or Soft."
    )


class CircleEdge(Part):
    """One dependency between two members."""

    source: Id = Field(description="The service that calls.")
    target: Id = Field(description="The service that is called.")
    mode: Literal["Sync", "Async"] | None = Field(
        default=None, description="Whether the caller waits for the answer; left out where nobody says it."
    )
    requirement: Literal["Hard", "Soft"] | None = Field(
        default=None, description="Whether the caller fails without it; left out where nobody says it."
    )
    providers: Annotated[list[Annotated[str, Field(max_length=253)]], Field(max_length=16)] = Field(
        description="Who says that it exists, at most 16.", json_schema_extra=_ATOMIC
    )
    confidence: float = Field(ge=0, le=1, description="How sure it is that it exists, from 0 to 1.")


class Acknowledged(Part):
    """How far the acknowledgement reaches."""

    generation: int = Field(
        ge=0, description="The generation of the spec that says it.", json_schema_extra=_INT64
    )
    member_count: int = Field(ge=0, description="How many services it covers.")
    members_hash: Annotated[str, Field(max_length=63)] = Field(
        description="Digest of their sorted ids: the first 12 hex digits of SHA-256 over them, joined by line ends."
    )


class CycleAlertStatus(Part):
    """What the operator knows about the circle."""

    observed_generation: int | None = Field(
        default=None,
        ge=-1,
        description="The generation of the spec that this status takes into account; -1 until the operator has seen it.",
        json_schema_extra=_INT64,
    )
    conditions: Annotated[list[Condition], Field(max_length=16)] | None = Field(
        default=None,
        description="Ready: the operator has taken in this generation. Its reason and message say why the state is what it is.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    state: Literal["Open", "Acknowledged", "Resolved", "NotOpen"] | None = Field(
        default=None,
        description="Open: somebody has to look. Acknowledged: somebody knows, here or by acceptedCycle in the manifests."
        " Resolved: the circle is gone. NotOpen: a person made this object, and there is no such circle.",
    )
    severity: Literal["Critical", "Warning", "Info"] | None = Field(
        default=None,
        description="Critical: there is a circle of Sync and Hard dependencies. Warning: one of Sync dependencies. Info: every"
        " circle contains an Async one.",
    )
    member_count: int | None = Field(
        default=None, ge=0, description="Services in the circle, or in it when it was resolved."
    )
    members: Annotated[list[Id], Field(max_length=MAX_SHOWN)] | None = Field(
        default=None,
        description="Their ids, sorted, the first 50 of them.",
        json_schema_extra=_ATOMIC,
    )
    truncated: bool | None = Field(
        default=None, description="True when a list of this status holds only a part of what there is."
    )
    witness: Annotated[list[Id], Field(max_length=MAX_SHOWN + 1)] | None = Field(
        default=None,
        description="A shortest circle, from its first service back to it.",
        json_schema_extra=_ATOMIC,
    )
    path: Line | None = Field(default=None, description="The same in one line; a long one loses its middle.")
    suggested_cuts: Annotated[list[CutEdge], Field(max_length=MAX_SHOWN)] | None = Field(
        default=None,
        description="The dependencies whose removal ends every circle at the least cost, the first 50 of them.",
        json_schema_extra=_ATOMIC,
    )
    cut: Line | None = Field(default=None, description="The same in one line.")
    edges: Annotated[list[CircleEdge], Field(max_length=MAX_SHOWN)] | None = Field(
        default=None,
        description="The dependencies between the members, at most 50: the shortest circle and the suggested cuts first.",
        json_schema_extra=_ATOMIC,
    )
    acknowledged: Acknowledged | None = Field(
        default=None, description="What the acknowledgement in the spec covers."
    )
    split_from: AlertName | None = Field(
        default=None, description="The alert that its members belonged to before it."
    )
    merged_into: AlertName | None = Field(
        default=None, description="The alert that its members belong to since it was resolved."
    )
    opened_at: Time | None = Field(default=None, description="When the circle appeared, or appeared again.")
    resolved_at: Time | None = Field(default=None, description="When it was gone.")
    graph_version: int | None = Field(
        default=None,
        ge=0,
        description="The version of the graph in which something of the above last changed.",
        json_schema_extra=_INT64,
    )
