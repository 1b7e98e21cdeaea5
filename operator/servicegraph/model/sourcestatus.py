"""The status of a DiscoverySource: a dry run that can be read, what came, what was dropped and why, and what is wrong.

The models shape the CRD's schema and the reference pages; `writeback` fills them as plain dictionaries, as with the other
kinds. Whatever a backend answers, this stays small: lists and texts are bounded, and no series is shown beyond names that were
cleaned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from servicegraph.model.servicedependency import Part
from servicegraph.model.status import Condition, Status

if TYPE_CHECKING:
    from pydantic.config import JsonDict

MAX_EXAMPLES = 10
MAX_REASONS = 20
MAX_WARNINGS = 10
MAX_WARNING = 500

_ATOMIC: JsonDict = {"x-kubernetes-list-type": "atomic"}

Count = Annotated[int, Field(ge=0)]
Example = Annotated[str, Field(max_length=1024)]
Reason = Annotated[str, Field(max_length=63)]


class LastPoll(Part):
    """What the last poll brought."""

    time: Annotated[str, Field(max_length=40, json_schema_extra={"format": "date-time"})] | None = Field(
        default=None, description="When it was."
    )
    duration: Annotated[str, Field(max_length=32)] | None = Field(
        default=None, description="How long it took, such as 120ms."
    )
    series: Count | None = Field(default=None, description="Series that came.")
    edges: Count | None = Field(
        default=None, description="Calls between services that they show, quarantined ones apart."
    )
    quarantined: Count | None = Field(
        default=None, description="Calls that are kept apart, since one end is no service."
    )
    without_namespace: Count | None = Field(
        default=None, description="Calls with an end whose namespace no label and no rule could tell."
    )
    dropped: Annotated[dict[Reason, Count], Field(max_length=MAX_REASONS)] | None = Field(
        default=None, description="How many calls or series are not in the graph, by why."
    )
    warnings: (
        Annotated[list[Annotated[str, Field(max_length=MAX_WARNING)]], Field(max_length=MAX_WARNINGS)] | None
    ) = Field(
        default=None, description="What the backend remarks about its answer.", json_schema_extra=_ATOMIC
    )


class Examples(Part):
    """Names as the series give them, to mend labels or rules by."""

    unresolved: Annotated[list[Example], Field(max_length=MAX_EXAMPLES)] | None = Field(
        default=None,
        description="Services whose namespace could not be told, at most 10.",
        json_schema_extra=_ATOMIC,
    )
    quarantined: Annotated[list[Example], Field(max_length=MAX_EXAMPLES)] | None = Field(
        default=None, description="Names that are kept apart, at most 10.", json_schema_extra=_ATOMIC
    )


class DiscoverySourceStatus(Status):
    """What the operator found there."""

    conditions: Annotated[list[Condition], Field(max_length=16)] | None = Field(
        default=None,
        description="Ready: the spec can be used. Healthy: the last poll brought an answer that can be relied on; False says"
        " what is wrong in words, and then nothing is taken for gone. Stalled is there while the spec cannot be used.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    last_poll: LastPoll | None = Field(
        default=None, description="What the last poll brought; written now and then, not at every poll."
    )
    examples: Examples | None = Field(default=None, description="A few of the names that need a look.")
