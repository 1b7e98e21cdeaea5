"""What is to be said about a manifest before it lands: a closed list of codes, and the value that carries one of them.

Each code has a page section in docs/findings.md, which is made from this list. Admission answers, `servicegraph check` and
`POST /check` all print these; what stands on an object once it is stored are conditions (`checks.verdict`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from servicegraph.graph.columns import ObjectName
    from servicegraph.model.ids import ServiceKey

MAX_MESSAGE = 120
"""Characters of a message at most: kubectl and the pages of pull requests break or cut what is longer."""

PAGE = "docs/findings.md"
"""Where people read about the codes, in the repository."""


class Severity(IntEnum):
    """How much it matters, the least first."""

    NOTE = 1
    """Worth knowing; often it passes as soon as the rest is applied."""
    WARNING = 2
    """It can be applied, and somebody will regret it or be alerted."""
    ERROR = 3
    """The API server or the operator refuses it."""

    @property
    def word(self) -> str:
        """`note`, `warning` or `error`."""
        return self.name.lower()


class Code(Enum):
    """What there is to find, with its stable number; numbers are never used again for something else."""

    INVALID = "SG001"
    SELF_DEPENDENCY = "SG002"
    DUPLICATE_DEPENDENCY = "SG003"
    REPEATED_OBJECT = "SG004"
    REPEATED_KEY = "SG005"
    CLOSES_CIRCLE = "SG101"
    GROWS_CIRCLE = "SG102"
    UNKNOWN_TARGET = "SG103"
    LESS_CRITICAL_TARGET = "SG104"
    ATTRIBUTES_DIFFER = "SG105"
    TARGET_TOO_HIGH = "SG106"

    @property
    def page(self) -> str:
        """The section of the documentation about it."""
        return f"{PAGE}#{self.value.lower()}"

    @property
    def explanation(self) -> Explanation:
        """What it means and what to do."""
        return EXPLANATIONS[self]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The page section of one code."""

    title: str
    """In a few words, as a headline."""
    severity: Severity
    """The usual one."""
    means: str
    """What holds where it is found."""
    mend: str
    """What to do about it."""
    condition: str = ""
    """The condition that says the same once the object is stored: type and reason."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is to be said about one manifest."""

    code: Code
    severity: Severity
    message: str
    """What holds, in at most `MAX_MESSAGE` printable characters."""
    object: ObjectName
    """The ServiceDependency, or another object, that it is about; a cluster-scoped one has no namespace."""
    manifest: int
    """The number of its manifest among those that were looked at, from 0."""
    field: str = ""
    """The field, as `spec.dependencies[3]`; empty for the object as a whole."""
    path: tuple[ServiceKey, ...] = ()
    """Of a circle: whole, however long the message may be cut; it ends where it began."""
    candidates: tuple[str, ...] = ()
    """Of an unknown target: the ids that may have been meant."""
    related: tuple[tuple[int, str], ...] = ()
    """Manifests and fields elsewhere that have a part in it."""


def cut(text: str, room: int = MAX_MESSAGE) -> str:
    """The text, its end left out where it is longer than `room`; unprintable characters escaped."""
    if not text.isprintable():
        text = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
    return text if len(text) <= room else text[: room - 1] + "…"


EXPLANATIONS: dict[Code, Explanation] = {
    Code.INVALID: Explanation(
        "the manifest is not valid",
        Severity.ERROR,
        "The API server refuses this manifest, by the schema of its kind or by one of its rules.",
        "The message names the field and what it takes; `kubectl explain` tells the whole schema.",
        "Stalled / InvalidSpec",
    ),
    Code.SELF_DEPENDENCY: Explanation(
        "a service depends on itself",
        Severity.ERROR,
        "A dependency means the very service that the manifest is about, by its namespace written out. The API server cannot"
        " see that and accepts it; the operator does not store that generation.",
        "Remove the dependency, or name another namespace or kind if another service is meant.",
        "Stalled / SelfDependency",
    ),
    Code.DUPLICATE_DEPENDENCY: Explanation(
        "a dependency is declared twice",
        Severity.ERROR,
        "Two dependencies mean the same target, one with its namespace and one without. The API server cannot see that and"
        " accepts it; the operator does not store that generation.",
        "Keep one of them.",
        "Stalled / DuplicateDependency",
    ),
    Code.REPEATED_OBJECT: Explanation(
        "two manifests are of one object",
        Severity.WARNING,
        "Two of the manifests have the same kind, namespace and name. The one that is applied last wins, and the other's words"
        " are lost.",
        "Give one of them another name, or put both together.",
    ),
    Code.REPEATED_KEY: Explanation(
        "a key comes twice",
        Severity.WARNING,
        "A map of the manifest has the same key twice. kubectl keeps the last one and does not say so.",
        "Remove one of them.",
    ),
    Code.CLOSES_CIRCLE: Explanation(
        "closes a circle",
        Severity.WARNING,
        "With this edge, services depend on each other in a circle: none of them can start, or be mended, without the others."
        " Nothing refuses it; a CycleAlert will open. Only edges that may raise an alert count: declared ones, and observed"
        " ones that are confirmed and neither stale nor quarantined. It is a note where every circle contains an edge that"
        " its manifest accepts (`acceptedCycle`): the alert opens acknowledged.",
        "Take one of the edges away, make the cheapest one asynchronous, or accept the circle with a reason in"
        " `acceptedCycle` of one of its dependencies.",
        "InCycle / PartOfCycle",
    ),
    Code.GROWS_CIRCLE: Explanation(
        "grows a known circle",
        Severity.WARNING,
        "A circle that has an alert already gets further members, or two such circles become one. An acknowledgement does not"
        " cover those who join: the alert opens again. As with a new circle, it is a note where all of it is accepted.",
        "As with a new circle. `servicegraph cycles` tells what is known about the one that grows.",
        "InCycle / PartOfCycle",
    ),
    Code.UNKNOWN_TARGET: Explanation(
        "nobody knows the target",
        Severity.WARNING,
        "A dependency names a service that no manifest, no api record and no telemetry is about. It is a warning where a known"
        " service is called nearly the same, else a note: the target may simply come later. It is a note too where all that is"
        " near is a service of that very name in another namespace, beside one of the caller's own name: then an application is"
        " about to be set up once more. Only targets of kind Service can be unknown.",
        "Mend the name, its namespace or its kind; or let the target's team declare it, a leaf without dependencies too.",
        "Resolved / UnknownTargets",
    ),
    Code.LESS_CRITICAL_TARGET: Explanation(
        "depends on a less critical service",
        Severity.WARNING,
        "A service fails without one whose team takes it less seriously: its `criticality` is lower, and the dependency is"
        " Hard.",
        "Make the dependency Soft and go on without it, or agree with the other team that their service is as critical.",
    ),
    Code.ATTRIBUTES_DIFFER: Explanation(
        "another object says otherwise",
        Severity.WARNING,
        "Two objects are about the same service and declare the same dependency, with another protocol, mode or requirement."
        " The older object's word counts.",
        "Declare the dependency in one of them only, or let both say the same.",
        "Conflicting / AttributesDiffer",
    ),
    Code.TARGET_TOO_HIGH: Explanation(
        "promises more than its dependencies allow",
        Severity.WARNING,
        "A service that fails when any of its Hard and Sync dependencies fails works at most as often as all of them do at"
        " once: the product of their availability targets. Its own target is higher. Only dependencies that state theirs count,"
        " so the true bound is lower still.",
        "Lower the target, make a dependency Soft or Async, or agree on a higher target with its team.",
    ),
}
"""In the order of the numbers."""
