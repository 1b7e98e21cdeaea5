"""What goes into the one transaction, and what comes out.

A batch holds what objects and alerts say now and what polls of telemetry have shown, or what somebody has sent over
HTTP. Made by `reconcile` and `ingest.submitting`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from servicegraph.model.alert import Acknowledgement, Alert, Transition, TransitionKey
    from servicegraph.model.observation import DeclaredObject, RemovedObject, StalledObject
    from servicegraph.model.submission import Receipt, Submission
    from servicegraph.model.telemetry import Poll, PollOutcome


@dataclass(frozen=True, slots=True)
class Adoption:
    """CycleAlert objects that exist, as alerts: what is left of alerts that were stored in a database that is lost.

    Those whose name is stored are passed over. Of the others, one that shares a member with a circle goes on with it under its
    name, as if it had been stored all along.
    """

    alerts: Sequence[Alert]
    complete: bool = False
    """Whether everything that exists has been heard of by now: then those without a circle are stored as resolved, else they
    wait, for their circle may be about to be declared again."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what is over is kept."""

    alerts: timedelta
    """Alerts since they were resolved, unless somebody has acknowledged them."""
    changes: timedelta
    """The log of changes."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What was heard, of each object and each alert once; the order does not matter."""

    objects: Sequence[DeclaredObject] = ()
    stalled: Sequence[StalledObject] = ()
    removed: Sequence[RemovedObject] = ()
    acknowledgements: Mapping[str, Acknowledgement | None] = field(default_factory=dict)
    """What the specs of alerts say, by name; None for one that says nothing. Names of alerts that do not exist (yet) are
    passed over, except of one that this very commit opens. `members` and `ended` are worked out by the commit."""
    adoption: Adoption | None = None
    announced: Sequence[TransitionKey] = ()
    """Transitions whose Events are written."""
    retention: Retention | None = None
    """Where given, what time has brought about is stored too: the end of what is past its `until` or has been kept for long."""
    polls: Sequence[Poll] = ()
    """In the order in which they were made; the same poll again changes nothing."""
    forgotten_sources: Sequence[str] = ()
    """Names of sources of telemetry that exist no more: all that they have shown goes, and polls of them are passed over."""
    submission: Submission | None = None
    """The same again changes nothing."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit came to."""

    version: int
    """The current graph version."""
    changed: bool
    """Whether this commit made it."""
    stored: Mapping[str, int] = field(default_factory=dict)
    """By uid of each declared object of the batch: the version current once its generation was stored."""
    told: tuple[Transition, ...] = ()
    """What this commit did to alerts: circles that it opened, let grow or shrink, acknowledged, resolved."""
    polls: Mapping[str, PollOutcome] = field(default_factory=dict)
    """By name of each source of the batch's polls: what became of the last one; none where the source is forgotten."""
    receipt: Receipt | None = None
    """What became of the submission, if the batch has one."""
