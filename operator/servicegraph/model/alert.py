"""What is known about one circle of dependencies: the alert that is stored, shown and announced.

An alert follows a strongly connected component of the alertable graph through the versions. These are values only: which
component an alert follows is `graph.lineage`'s question, what its state is `graph.acknowledgement`'s, and `graph.alerts` puts
both together. `store` keeps one row an alert and one a transition; `writeback` shows them as CycleAlert objects and Events.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Iterable
    from datetime import datetime

    from servicegraph.model.ids import ServiceKey

    TransitionKey = tuple[str, int, "TransitionKind"]
    """Alert, version and kind."""

MAX_CUT = 50
"""So many edges of the cheapest cut are kept with an alert; how many there are in all is kept beside them."""

_HEX_DIGITS = 12


class AlertState(StrEnum):
    """Whether somebody has to act."""

    OPEN = "Open"
    ACKNOWLEDGED = "Acknowledged"
    RESOLVED = "Resolved"


class Severity(StrEnum):
    """How bad a circle is: what happens to its members when one of them fails."""

    CRITICAL = "Critical"
    """There is a circle of Sync and Hard edges: one failure fails them all."""
    WARNING = "Warning"
    """There is a circle of Sync edges: they wait for each other."""
    INFO = "Info"
    """Every circle contains an Async edge."""


class AlertReason(StrEnum):
    """Why an alert is in its state, and why it changed."""

    # of a state
    NOT_ACKNOWLEDGED = "NotAcknowledged"
    GREW_SINCE_ACKNOWLEDGED = "GrewSinceAcknowledged"
    ACKNOWLEDGEMENT_EXPIRED = "AcknowledgementExpired"
    ACKNOWLEDGED_ON_ALERT = "AcknowledgedOnAlert"
    ACCEPTED_IN_MANIFESTS = "AcceptedInManifests"
    NO_CIRCLE_LEFT = "NoCircleLeft"
    MERGED_INTO = "MergedInto"
    # of a transition only
    NEW_CIRCLE = "NewCircle"
    CIRCLE_IS_BACK = "CircleIsBack"
    SPLIT_FROM = "SplitFrom"
    MEMBERS_JOINED = "MembersJoined"
    MEMBERS_LEFT = "MembersLeft"
    MERGED = "Merged"
    SPLIT = "Split"


class TransitionKind(StrEnum):
    """What happened to an alert; also the reason of the Event that tells it. In the order in which it is told."""

    OPENED = "CycleOpened"
    GREW = "CycleGrew"
    SHRANK = "CycleShrank"
    ACKNOWLEDGED = "CycleAcknowledged"
    RESOLVED = "CycleResolved"


@dataclass(frozen=True, slots=True)
class Cut:
    """An edge that is cheap to remove, and why it is."""

    source: ServiceKey
    target: ServiceKey
    reason: str

    def __str__(self) -> str:
        return f"{self.source} → {self.target}"


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What a person wrote into the spec of a CycleAlert, and how far it reaches."""

    generation: int
    reason: str
    by: str | None = None
    until: datetime | None = None
    members: tuple[ServiceKey, ...] = ()
    """Whom it covers: the members when this generation was first seen."""
    ended: AlertReason | None = None
    """Why it holds no more, for the rest of this generation; None while it is in force."""

    def says(self, other: Acknowledgement | None) -> bool:
        """Whether both are the same words of the same generation."""
        return other is not None and (self.generation, self.reason, self.by, self.until) == (
            other.generation,
            other.reason,
            other.by,
            other.until,
        )


@dataclass(frozen=True, slots=True)
class Alert:
    """One circle of dependencies. Members are in the order of their keys, each once."""

    name: str
    members: tuple[ServiceKey, ...]
    """Empty once resolved."""
    severity: Severity
    witness: tuple[ServiceKey, ...]
    """A shortest circle; it begins and ends with its smallest id."""
    cut: tuple[Cut, ...]
    """The cheapest set of edges that removes every circle, at most `MAX_CUT` of them."""
    cut_size: int
    """How many edges the cut has."""
    accepted: bool
    """Whether the component has no circle without the edges under `acceptedCycle`."""
    shape: bytes
    """Digest of the component's edges: while members and shape stay, severity, witness, cut and accepted stay too."""
    opened_at: datetime
    """When it was opened, or opened again."""
    opened_version: int
    state: AlertState = AlertState.OPEN
    reason: AlertReason = AlertReason.NOT_ACKNOWLEDGED
    acknowledgement: Acknowledgement | None = None
    split_from: str | None = None
    """The alert that its members belonged to before."""
    members_when_resolved: tuple[ServiceKey, ...] = ()
    """Empty until resolved; the same members again open the same alert again."""
    resolved_at: datetime | None = None
    resolved_version: int | None = None
    merged_into: str | None = None
    """The alert that its members belong to since it was resolved."""

    @property
    def ids(self) -> list[str]:
        """The printed ids of its members, or of those it had when it was resolved; sorted."""
        return sorted(map(str, self.members or self.members_when_resolved))


@dataclass(frozen=True, slots=True)
class Transition:
    """Something that happened to an alert; alert, version and kind are unique together."""

    alert: str
    version: int
    kind: TransitionKind
    reason: AlertReason
    message: str
    """At most 1,000 bytes, so that it fits into the note of an Event."""


@dataclass(frozen=True, slots=True)
class TransitionRecord:
    """A transition as it is kept."""

    transition: Transition
    at: datetime
    """When its version was committed."""
    announced: bool
    """Whether its Event is known to be written."""

    @property
    def key(self) -> TransitionKey:
        """What identifies it."""
        return self.transition.alert, self.transition.version, self.transition.kind


def alert_name(members: Iterable[ServiceKey], taken: Container[str]) -> str:
    """The name of a new alert: a digest of who its members are, with -2, -3 … where that name is taken."""
    name = f"cycle-{members_digest(members)}"
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free


def members_digest(members: Iterable[ServiceKey]) -> str:
    """Who the members are, in 12 hex digits: of SHA-256 over their sorted ids, joined by line ends."""
    ids = "\n".join(sorted(map(str, members)))
    return hashlib.sha256(ids.encode()).hexdigest()[:_HEX_DIGITS]
