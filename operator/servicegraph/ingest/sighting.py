"""A call with its ends resolved, and all of one poll: from `ingest.resolve` to `ingest.comparing`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from servicegraph.model.ids import Kind
from servicegraph.store.sightings import RULES_APART

if TYPE_CHECKING:
    from servicegraph.model.ids import ServiceKey
    from servicegraph.model.telemetry import RawCall
    from servicegraph.model.vocabulary import Evidence, Mode


class Sighting(NamedTuple):
    """A call with its ends resolved."""

    call: RawCall
    source: ServiceKey
    target: ServiceKey
    evidence: Evidence
    mode: Mode
    why: str
    """What led from the raw names to the ends, joined by `RULES_APART`."""
    quarantined: bool

    @property
    def rules(self) -> tuple[str, ...]:
        """The same, rule by rule, in words, for explain."""
        return tuple(self.why.split(RULES_APART))


@dataclass(frozen=True, slots=True)
class Resolved:
    """All calls of a poll, resolved."""

    sightings: dict[str, Sighting] = field(default_factory=dict)
    """By raw key."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Calls that are in no graph, by why."""
    nobodies: set[str] = field(default_factory=set)
    """Names that have put a call into quarantine."""

    @property
    def trusted(self) -> int:
        """How many calls are not in quarantine."""
        return sum(not one.quarantined for one in self.sightings.values())


def is_unplaced(key: ServiceKey) -> bool:
    """Whether it is not known where the service belongs; an External belongs nowhere."""
    return not key.namespace and key.kind != Kind.EXTERNAL
