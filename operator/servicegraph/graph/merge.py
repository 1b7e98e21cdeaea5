"""Observations into edges: the one place where several words about one call become one answer.

Everything is worked out on whole columns, because a snapshot holds up to a million observations and is rebuilt at every
version. Most edges have one observation, so only those with several are sorted by precedence and combined. Not here: what an
edge means for a reader (`graph.filters`), who may walk it (`graph.traverse`). `graph.snapshot.build` calls this next.

The rules, for the observations of one edge:

- quarantined observations have a say only where no other exists;
- attributes come from the first observation that says something: declared, then api, then telemetry, better evidence first;
  among equals the older object, then the provider that comes first;
- the edge is stale, or quarantined, when all of them are; present, confirmed, alertable or accepted when any is;
- confidence = 1 - prod(1 - w) over the evidence groups of the providers, with the best w of each group.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from servicegraph.model.vocabulary import WEIGHT, Evidence, Flag

if TYPE_CHECKING:
    import numpy.typing as npt

    from servicegraph.graph.columns import ObservationColumns

    Column = npt.NDArray[Any]

_ALL_MUST = np.uint8(Flag.STALE | Flag.QUARANTINED)
_EVERY_FLAG = np.uint8(0xFF)


@dataclass(frozen=True, slots=True, eq=False)
class EvidenceColumns:
    """What is kept of the observations: an edge knows their ends."""

    provider: npt.NDArray[np.int16]
    rank: npt.NDArray[np.int32]
    """The object it comes from, as the position in `Snapshot.objects`; 0 for none."""
    evidence: npt.NDArray[np.int8]
    mode: npt.NDArray[np.int8]
    requirement: npt.NDArray[np.int8]
    flags: npt.NDArray[np.uint8]
    protocol: npt.NDArray[np.int32]
    first_seen: npt.NDArray[np.int64]
    last_seen: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """All edges, column by column, sorted by (source, target), and the evidence behind each."""

    source: npt.NDArray[np.int32]
    target: npt.NDArray[np.int32]
    protocol: npt.NDArray[np.int32]
    """Position in the list of protocols; 0 is the empty one."""
    mode: npt.NDArray[np.int8]
    """`Mode`; UNSET where nobody says it, which readers take as Sync."""
    requirement: npt.NDArray[np.int8]
    """`Requirement`; UNSET where nobody says it, which readers take as Soft."""
    confidence: npt.NDArray[np.float32]
    """0 … 1."""
    flags: npt.NDArray[np.uint8]
    """`Flag` bits."""
    first: npt.NDArray[np.int32]
    """Edge i rests on the observations first[i] … first[i + 1] - 1; one entry longer than the other columns."""
    observations: EvidenceColumns
    """The evidence, sorted by edge and within an edge by precedence."""

    def __len__(self) -> int:
        return len(self.source)

    def evidence(self, edge: int) -> slice:
        """Where in `observations` the evidence of an edge stands, best first."""
        return slice(int(self.first[edge]), int(self.first[edge + 1]))

    def rest_on(self, marked: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """By edge, whether any of its observations is marked."""
        return np.logical_or.reduceat(marked, self.first[:-1]) if len(self) else marked


def merge(observations: ObservationColumns, provider_groups: npt.NDArray[np.int16], nodes: int) -> Edges:
    """Derive the edges from the observations; the order of the observations does not matter.

    Args:
        observations: in any order.
        provider_groups: the evidence group of each provider, by its position.
        nodes: how many nodes the observations refer to.

    Returns:
        The edges; their arrays are read-only.
    """
    key = observations.source.astype(np.int64) * nodes + observations.target
    order = np.argsort(key, kind="stable")
    key = key[order]
    heads = np.flatnonzero(np.concatenate(([len(key) > 0], key[1:] != key[:-1])))
    first = np.append(heads, len(key)).astype(np.int32)
    several = np.flatnonzero(np.diff(first) > 1)
    if len(several):
        _sort_by_precedence(observations, order, first, several)
    evidence = EvidenceColumns(
        **{one.name: getattr(observations, one.name)[order] for one in fields(EvidenceColumns)}
    )
    weight = _weights()[evidence.evidence, evidence.flags & (Flag.CONFIRMED | Flag.STALE)]
    # Where every edge has one observation, edges and evidence share their memory.
    best = heads if len(several) else slice(None)
    edges = Edges(
        source=observations.source[order[heads]],
        target=observations.target[order[heads]],
        protocol=evidence.protocol[best],
        mode=evidence.mode[best],
        requirement=evidence.requirement[best],
        confidence=weight[best].astype(np.float32),
        flags=evidence.flags[best],
        first=first,
        observations=evidence,
    )
    if len(several):
        _combine(edges, weight, provider_groups, several)
    freeze(evidence)
    freeze(edges)
    return edges


def freeze(columns: Any) -> None:
    """Make the arrays of a dataclass read-only."""
    for one in fields(columns):
        column = getattr(columns, one.name)
        if isinstance(column, np.ndarray):
            column.setflags(write=False)


def _weights() -> npt.NDArray[np.float64]:
    """What one observation adds to confidence, by evidence and by its confirmed and stale flags."""
    table = np.zeros((max(Evidence) + 1, (Flag.CONFIRMED | Flag.STALE) + 1))
    for evidence, weight in WEIGHT.items():
        for flags in (Flag(0), Flag.CONFIRMED, Flag.STALE, Flag.CONFIRMED | Flag.STALE):
            doubts = (Flag.CONFIRMED not in flags) + (Flag.STALE in flags)
            table[evidence, flags] = weight * 0.5**doubts
    return table


def _members(first: npt.NDArray[np.int32], edges: Column) -> tuple[Column, Column, Column]:
    """The observations of some edges: their positions, where each edge begins among them, and whose each is (0, 1, …)."""
    counts = np.diff(first)[edges]
    begins = np.cumsum(counts) - counts
    owner = np.repeat(np.arange(len(edges)), counts)
    return np.arange(counts.sum()) - begins[owner] + first[edges][owner], begins, owner


def _sort_by_precedence(
    observations: ObservationColumns, order: Column, first: npt.NDArray[np.int32], several: Column
) -> None:
    """Put the observations of each edge that has several into the order of precedence, within `order`."""
    spots, _, owner = _members(first, several)
    rows = order[spots]

    def picked(column: Column) -> npt.NDArray[np.int64]:
        return column[rows].astype(np.int64)

    flags = picked(observations.flags)
    by_evidence = ((flags & Flag.QUARANTINED) != 0) << 52 | picked(observations.evidence) << 48
    precedence = by_evidence | picked(observations.rank) << 16 | picked(observations.provider)
    # One object or provider may say the same edge twice; then what it says decides, not the order in which it was stored.
    attributes = picked(observations.mode) << 12 | picked(observations.requirement) << 8
    said = picked(observations.protocol) << 16 | attributes | flags
    order[spots] = rows[np.lexsort((said, precedence, owner))]


def _combine(
    edges: Edges, weight: npt.NDArray[np.float64], provider_groups: npt.NDArray[np.int16], several: Column
) -> None:
    """Fill in what the edges with several observations derive from all of them."""
    spots, begins, owner = _members(edges.first, several)
    flags = edges.observations.flags[spots]
    in_quarantine = (flags & Flag.QUARANTINED) != 0
    muted = in_quarantine & ~np.logical_and.reduceat(in_quarantine, begins)[owner]

    any_of = np.bitwise_or.reduceat(np.where(muted, np.uint8(0), flags), begins)
    all_of = np.bitwise_and.reduceat(np.where(muted, _EVERY_FLAG, flags), begins)
    edges.flags[several] = (any_of & ~_ALL_MUST) | (all_of & _ALL_MUST)

    for column, said in (
        (edges.protocol, edges.observations.protocol),
        (edges.mode, edges.observations.mode),
        (edges.requirement, edges.observations.requirement),
    ):
        words = np.where(muted, 0, said[spots])
        speaker = np.minimum.reduceat(np.where(words != 0, np.arange(len(words)), len(words)), begins)
        column[several] = np.append(words, 0)[speaker]

    groups = provider_groups[edges.observations.provider[spots]]
    edges.confidence[several] = _confidence(np.where(muted, 0.0, weight[spots]), owner, groups)


def _confidence(weight: npt.NDArray[np.float64], owner: Column, groups: Column) -> npt.NDArray[np.float64]:
    """1 - prod(1 - w) for each owner (0, 1, …), w being the best weight of each evidence group."""
    block = owner * (int(groups.max()) + 1) + groups
    order = np.argsort(block, kind="stable")
    block, owner = block[order], owner[order]
    blocks = np.flatnonzero(np.concatenate(([True], block[1:] != block[:-1])))
    doubt = 1 - np.maximum.reduceat(weight[order], blocks)
    owner = owner[blocks]
    return 1 - np.multiply.reduceat(doubt, np.flatnonzero(np.concatenate(([True], owner[1:] != owner[:-1]))))
