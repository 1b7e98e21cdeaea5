"""Which edges an answer may use: the filters of a request as one boolean column.

Filters apply before any walk. What is left out of an observation counts as its default here: no mode as Sync, no requirement as
Soft. Not here: whether a node is shown (`Snapshot.is_shown`). `graph.traverse` and the list of edges call this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from servicegraph.model.vocabulary import Flag, Mode, Requirement

if TYPE_CHECKING:
    import numpy.typing as npt

    from servicegraph.graph.snapshot import Snapshot

_HAIR = 1e-6
"""Confidence is held in 32 bits: 0.95 asked for must find 0.95 stored."""


@dataclass(frozen=True, slots=True)
class EdgeFilter:
    """What an edge must be like; the default passes everything that is neither stale nor quarantined."""

    include_stale: bool = False
    include_quarantined: bool = False
    min_confidence: float = 0.0
    provider: str | None = None
    """At least one observation is by the provider of this name."""
    mode: Mode | None = None
    requirement: Requirement | None = None

    def mask(self, snapshot: Snapshot) -> npt.NDArray[np.bool_]:
        """By edge, whether it passes; not to be written to."""
        edges = snapshot.edges
        passes = snapshot.clear
        if self.include_stale or self.include_quarantined:
            unwanted = 0 if self.include_stale else Flag.STALE
            unwanted |= 0 if self.include_quarantined else Flag.QUARANTINED
            passes = (edges.flags & np.uint8(unwanted)) == 0
        if self.min_confidence > 0:
            passes = passes & (edges.confidence >= self.min_confidence - _HAIR)
        if self.provider is not None:
            passes = passes & _said_by(snapshot, self.provider)
        if self.mode is not None:
            passes = passes & (np.where(edges.mode == Mode.UNSET, Mode.SYNC, edges.mode) == self.mode)
        if self.requirement is not None:
            said = np.where(edges.requirement == Requirement.UNSET, Requirement.SOFT, edges.requirement)
            passes = passes & (said == self.requirement)
        return passes


def _said_by(snapshot: Snapshot, provider: str) -> npt.NDArray[np.bool_]:
    """By edge, whether at least one of its observations is by the provider of this name."""
    positions = [at for at, one in enumerate(snapshot.providers) if one.name == provider]
    return snapshot.edges.rest_on(np.isin(snapshot.edges.observations.provider, positions))
