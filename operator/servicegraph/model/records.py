"""What Postgres alone holds about edges and providers: the words behind a graph, for who asks why.

Snapshots leave it out, since no answer but an explanation needs it. `store.records` reads it, `checks.explaining` makes
sentences of it; the HTTP server reaches the first through the port `Records`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from servicegraph.model.vocabulary import Evidence, Mode, Requirement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from servicegraph.model.ids import ServiceKey


@dataclass(frozen=True, slots=True)
class ObjectRecord:
    """A stored ServiceDependency."""

    namespace: str
    name: str
    generation: int
    problem: str | None = None
    """Why this generation is not accepted; then what an earlier one said still holds."""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class ProviderRecord:
    """Who says that edges exist, and how a source of telemetry fares."""

    name: str
    group: str
    preset: str | None = None
    query: str | None = None
    """The PromQL by which it asks for calls."""
    healthy_seconds: float = 0.0
    last_attempt_at: datetime | None = None
    last_good_at: datetime | None = None
    last_edges: int | None = None
    """Edges that its last good poll showed."""
    drop_since: datetime | None = None
    """Since when it shows suddenly much less."""
    health: str | None = None
    """What is wrong with it; None is healthy."""
    sees: tuple[str, ...] = ()
    """Kinds of services whose calls it shows; empty until its first good poll."""
    polls: tuple[Mapping[str, Any], ...] = ()
    """How its last polls went, the youngest first, a few at most."""

    @property
    def is_telemetry(self) -> bool:
        """Whether it is a source that is polled, not who declares or posts."""
        return self.preset is not None


@dataclass(frozen=True, slots=True)
class ObservationRecord:
    """One provider's word about an edge, with all that stands behind it."""

    provider: str
    group: str
    evidence: Evidence
    first_seen: datetime
    last_seen: datetime | None = None
    """When it went missing; None while it is present."""
    absent_for: float = 0.0
    """Seconds that its provider has been healthy since then."""
    raw: Mapping[str, Any] = field(default_factory=dict)
    """The names as they were said."""
    rules: tuple[str, ...] = ()
    """Rules by which they were resolved."""
    details: Mapping[str, Any] = field(default_factory=dict)
    protocol: str = ""
    mode: Mode = Mode.UNSET
    requirement: Requirement = Requirement.UNSET
    confirmed: bool = True
    stale: bool = False
    quarantined: bool = False
    alertable: bool = True
    accepted: bool = False
    object: ObjectRecord | None = None
    """The object that declares it."""
    rank: int = 0
    """Precedence of that object among those of the edge, the oldest first."""

    @property
    def present(self) -> bool:
        """Whether its provider says it now."""
        return self.last_seen is None


@dataclass(frozen=True, slots=True)
class RemovalRecord:
    """That a provider said so once, and why not any more."""

    version: int
    at: datetime
    provider: str
    object: str | None
    """`namespace/name` of the object that declared it."""
    reason: str


@dataclass(frozen=True, slots=True)
class EdgeRecord:
    """All that is stored about one pair of services, at one moment."""

    version: int
    observations: tuple[ObservationRecord, ...] = ()
    removals: tuple[RemovalRecord, ...] = ()
    """The newest first, a few at most."""
    objects: tuple[ObjectRecord, ...] = ()
    """Those about the source, the oldest first, a few at most."""
    providers: tuple[ProviderRecord, ...] = ()
    """All there are."""


class Records(Protocol):
    """Reads what snapshots leave out."""

    async def edge(self, source: ServiceKey, target: ServiceKey) -> EdgeRecord:
        """Everything that is stored about the edge from `source` to `target`, whether it is there or not.

        Raises:
            StoreUnavailable: it cannot be asked now.
        """
        ...

    async def providers(self) -> Sequence[ProviderRecord]:
        """All providers, by name.

        Raises:
            StoreUnavailable: it cannot be asked now.
        """
        ...
