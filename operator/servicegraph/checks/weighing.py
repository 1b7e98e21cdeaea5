"""How much each word about one edge weighs, and what all of them make together.

The sum is worked out by `graph.merge` itself, so that an explanation can never differ from the graph. `checks.explaining` puts
it into sentences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from servicegraph.graph.columns import NEVER, ObservationColumns
from servicegraph.graph.merge import merge
from servicegraph.model.vocabulary import WEIGHT, Flag, Mode, Requirement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicegraph.model.records import ObservationRecord

_FLAGS = ("present", "confirmed", "stale", "quarantined", "alertable", "accepted")


@dataclass(frozen=True, slots=True)
class Word:
    """One observation, weighed."""

    said: ObservationRecord
    weight: float
    """What it alone makes of confidence, 0 … 1."""
    counts: bool
    """Whether it does: not beside a better one of the same evidence group, nor in quarantine beside one that is not."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """The edge that some words make together."""

    words: tuple[Word, ...]
    """In the order in which they were given."""
    confidence: float
    flags: Flag
    mode: Mode
    requirement: Requirement
    protocol: str


def weigh(observations: Sequence[ObservationRecord]) -> Weighed:
    """Weigh all the words about one edge, of which there is one at least; the first in precedence first."""
    protocols = ["", *dict.fromkeys(one.protocol for one in observations if one.protocol)]
    groups = {group: number for number, group in enumerate(dict.fromkeys(one.group for one in observations))}
    columns = _columns(observations, protocols)
    edge = merge(columns, np.array([groups[one.group] for one in observations], np.int16), 2)
    return Weighed(
        words=_words(observations),
        confidence=float(edge.confidence[0]),
        flags=Flag(int(edge.flags[0])),
        mode=Mode(int(edge.mode[0])),
        requirement=Requirement(int(edge.requirement[0])),
        protocol=protocols[edge.protocol[0]],
    )


def _words(observations: Sequence[ObservationRecord]) -> tuple[Word, ...]:
    """Each with its weight; of an evidence group the first of the heaviest counts."""
    only_quarantined = all(one.quarantined for one in observations)
    weights = [WEIGHT[one.evidence] * 0.5 ** ((not one.confirmed) + one.stale) for one in observations]
    best: dict[str, int] = {}
    for at, (one, weight) in enumerate(zip(observations, weights, strict=True)):
        heard = only_quarantined or not one.quarantined
        if heard and (one.group not in best or weight > weights[best[one.group]]):
            best[one.group] = at
    return tuple(
        Word(one, weight, counts=best.get(one.group) == at)
        for at, (one, weight) in enumerate(zip(observations, weights, strict=True))
    )


def _columns(observations: Sequence[ObservationRecord], protocols: Sequence[str]) -> ObservationColumns:
    """The words as observations of the edge from node 0 to node 1, each by a provider of its own."""
    count = len(observations)
    flags = [sum(Flag[name.upper()] for name in _FLAGS if getattr(one, name)) for one in observations]
    return ObservationColumns(
        source=np.zeros(count, np.int32),
        target=np.ones(count, np.int32),
        provider=np.arange(count, dtype=np.int16),
        rank=np.array([one.rank for one in observations], np.int32),
        evidence=np.array([one.evidence for one in observations], np.int8),
        mode=np.array([one.mode for one in observations], np.int8),
        requirement=np.array([one.requirement for one in observations], np.int8),
        flags=np.array(flags, np.uint8),
        protocol=np.array([protocols.index(one.protocol) for one in observations], np.int32),
        first_seen=np.zeros(count, np.int64),
        last_seen=np.full(count, NEVER, np.int64),
    )
