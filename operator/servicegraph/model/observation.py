"""What is known: statements about services and observations of edges, each with who says it.

These are the inputs of the one transaction (`ingest.commit`). They carry identities, never surrogate keys.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from servicegraph.model.vocabulary import Evidence, Mode, Requirement

if TYPE_CHECKING:
    from datetime import datetime

    from servicegraph.model.ids import ServiceKey

DECLARED_PROVIDER = "declared"
"""The provider of everything that ServiceDependency objects say."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What one object or record says about one service; None where it says nothing."""

    service: ServiceKey
    technology: str | None = None
    team: str | None = None
    criticality: str | None = None
    target: str | None = None
    """Availability target in percent, as text ("99.95")."""
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Observation:
    """One provider's word that `source` calls `target`."""

    raw_key: str
    """Identifies this observation within its provider and object, made of the raw names alone."""
    raw: dict[str, Any]
    """The raw names as they were said, so that they can be resolved anew."""
    source: ServiceKey
    target: ServiceKey
    evidence: Evidence = Evidence.DECLARED
    protocol: str = ""
    mode: Mode = Mode.UNSET
    requirement: Requirement = Requirement.UNSET
    details: dict[str, Any] = field(default_factory=dict)
    """timeout, retry, expectedInterval, observation, acceptedCycle, description: stored, never traversed."""
    rules: tuple[str, ...] = ()
    """Names of the resolution rules applied, for explain."""
    confirmed: bool = True
    stale: bool = False
    quarantined: bool = False
    alertable: bool = True
    accepted: bool = False
    """Whether its part in a circle is accepted, as long as `accepted_until` is not over."""
    accepted_until: datetime | None = None
    """When the acceptance ends; None if it does not."""

    def accepted_at(self, now: datetime) -> bool:
        """Whether its part in a circle is accepted at that time."""
        return self.accepted and (self.accepted_until is None or self.accepted_until > now)


@dataclass(frozen=True, slots=True)
class DeclaredObject:
    """A good generation of one ServiceDependency, ready to be stored."""

    uid: str
    namespace: str
    name: str
    generation: int
    created_at: datetime
    statement: Statement
    observations: tuple[Observation, ...]


@dataclass(frozen=True, slots=True)
class StalledObject:
    """A generation that cannot be accepted; what the last good one said stays."""

    uid: str
    namespace: str
    name: str
    generation: int
    created_at: datetime
    reason: str
    """CamelCase, for the condition."""
    message: str
    """What is wrong, which field, how to fix it."""


@dataclass(frozen=True, slots=True)
class RemovedObject:
    """An object that exists no more."""

    uid: str
    reason: str
    """`deleted` (the watch said so) or `swept` (a full comparison did not find it)."""
