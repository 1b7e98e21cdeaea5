"""A version of the graph with some objects changed: what it would be once they are applied, without a copy of it.

Only circles matter here, so only edges that may raise an alert are kept. The snapshot's arrays stay as they are: edges that the
change touches are masked, and those of them that are there afterwards stand beside, by their ends. Services that the snapshot
does not know get positions behind its own. `graph.foreseen` looks for circles in it; `checks.changes` makes it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from servicegraph.graph.columns import NO_OBJECT
from servicegraph.graph.components import Component
from servicegraph.graph.frontier import slots_of
from servicegraph.graph.strength import strength_of
from servicegraph.model.vocabulary import Evidence, Flag

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import datetime

    import numpy.typing as npt

    from servicegraph.graph.columns import ObjectName
    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.model.ids import ServiceKey
    from servicegraph.model.observation import Observation

    Mask = npt.NDArray[np.bool_]
    Pair = tuple[int, int]

_ALERTABLE = np.uint8(Flag.ALERTABLE)
_IN_DOUBT = np.uint8(Flag.ALERTABLE | Flag.QUARANTINED)
_YOUNGEST = np.iinfo(np.int64).max
"""The rank of an object that does not exist yet."""


class Claim(NamedTuple):
    """What one object is going to say about one call."""

    object: ObjectName
    edge: Observation


class Tie(NamedTuple):
    """What holds of an edge that may raise an alert."""

    mode: int
    requirement: int
    accepted: bool


class Word(NamedTuple):
    """One observation of an edge, as far as circles and comparisons need it, in the order of precedence."""

    evidence: int
    rank: int
    object: ObjectName
    mode: int
    requirement: int
    protocol: str
    accepted: bool
    alertable: bool


class Overlay:
    """The graph after a change, as far as it can make circles."""

    def __init__(
        self,
        snapshot: Snapshot,
        replaced: Collection[ObjectName],
        claims: Sequence[Claim],
        now: datetime,
    ) -> None:
        """Lay a change over a graph.

        Args:
            snapshot: the graph before.
            replaced: objects whose old words do not count any more.
            claims: declared edges that are added, those that a replaced object keeps among them.
            now: when it happens; acceptances that end before do not count.
        """
        self.snapshot = snapshot
        self._ranks = _ranks(snapshot)
        self._replaced = {self._ranks[name] for name in replaced if name in self._ranks}
        self._beyond: dict[ServiceKey, int] = {}
        self._said: defaultdict[Pair, list[int]] = defaultdict(list)
        self.walked = _alertable(snapshot).copy()
        """By edge of the snapshot, whether it may raise an alert and is not touched by the change."""
        self.ties: dict[Pair, Tie] = {}
        """The touched edges that may raise an alert after it."""
        self.new: dict[Pair, int] = {}
        """Those that could not before, each with the number of the claim that comes first."""
        self.gone: list[Pair] = []
        """Edges that nobody speaks of any more."""
        self.fresh: list[Pair] = []
        """Edges that nobody spoke of before, alertable or not before."""
        for number, claim in enumerate(claims):
            pair = self._place(claim.edge.source), self._place(claim.edge.target)
            self._said[pair].append(number)
        self._keys = list(self._beyond)
        self._touch(claims, now)
        self.out = _by_source(self.ties)
        """The targets of the touched edges, by source."""
        self.new_from = _by_source(self.new)
        """The targets of the new edges, by source."""

    def __len__(self) -> int:
        return len(self.snapshot.nodes) + len(self._keys)

    def key(self, position: int) -> ServiceKey:
        """The service at a position."""
        known = len(self.snapshot.nodes)
        return self.snapshot.nodes[position].key if position < known else self._keys[position - known]

    def words(self, source: ServiceKey, target: ServiceKey) -> list[Word]:
        """What is said about an edge by all whose words go on counting, the best first; nothing that is added."""
        at, to = self.snapshot.position(source), self.snapshot.position(target)
        edge = None if at is None or to is None else self.edge(at, to)
        return [] if edge is None else list(self._staying(edge))

    def edge(self, source: int, target: int) -> int | None:
        """The position of an edge in the snapshot; None if it has none."""
        snapshot = self.snapshot
        if max(source, target) >= len(snapshot.nodes):
            return None
        begin, end = snapshot.outgoing.start[source : source + 2].tolist()
        at = bisect_left(snapshot.edges.target, target, begin, end)
        return at if at < end and snapshot.edges.target[at] == target else None

    def component(self, members: npt.NDArray[np.intp]) -> Component:
        """The edges among some services, ascending, that may raise an alert."""
        known = len(self.snapshot.nodes)
        place = np.full(len(self), -1, np.int32)
        place[members] = np.arange(len(members))
        slots = slots_of(self.snapshot.outgoing, members[members < known])
        own = self.snapshot.outgoing.edge[slots]
        edges = self.snapshot.edges
        own = own[self.walked[own] & (place[edges.target[own]] >= 0)]
        beside = [
            (node, far) for node in members.tolist() for far in self.out.get(node, ()) if place[far] >= 0
        ]
        pairs = np.array(beside, np.int32).reshape(-1, 2)
        ties = np.array([self.ties[pair] for pair in beside], np.int8).reshape(-1, 3)
        source = place[np.append(edges.source[own], pairs[:, 0])]
        target = place[np.append(edges.target[own], pairs[:, 1])]
        order = np.lexsort((target, source))
        accepted = np.append((edges.flags[own] & np.uint8(Flag.ACCEPTED)) != 0, ties[:, 2] != 0)
        mode = np.append(edges.mode[own], ties[:, 0])
        requirement = np.append(edges.requirement[own], ties[:, 1])
        return Component(
            size=len(members),
            source=source[order],
            target=target[order],
            strength=strength_of(mode, requirement)[order],
            accepted=accepted[order],
        )

    def _place(self, key: ServiceKey) -> int:
        at = self.snapshot.position(key)
        if at is None:
            at = self._beyond.setdefault(key, len(self.snapshot.nodes) + len(self._beyond))
        return at

    def _touch(self, claims: Sequence[Claim], now: datetime) -> None:
        """Work out what becomes of each edge that the change speaks of."""
        before = _alertable(self.snapshot)
        for pair in dict.fromkeys([*self._said, *self._formerly_said()]):
            edge = self.edge(*pair)
            words = [] if edge is None else list(self._staying(edge))
            numbers = self._said.get(pair, [])
            words = sorted(words + [self._word(claims[number], now) for number in numbers], key=_precedence)
            if edge is None:
                self.fresh.append(pair)
            else:
                self.walked[edge] = False
                if not words:
                    self.gone.append(pair)
            if any(word.alertable for word in words) and pair[0] != pair[1]:
                self.ties[pair] = _tie(words)
                if edge is None or not before[edge]:
                    self.new[pair] = numbers[0]

    def _formerly_said(self) -> list[Pair]:
        """The edges that replaced objects have spoken of."""
        if not self._replaced:
            return []
        edges = self.snapshot.edges
        said = edges.observations
        theirs = np.isin(said.rank, list(self._replaced)) & (said.evidence == Evidence.DECLARED)
        own = np.unique(np.searchsorted(edges.first, np.flatnonzero(theirs), side="right") - 1)
        return list(zip(edges.source[own].tolist(), edges.target[own].tolist(), strict=True))

    def _staying(self, edge: int) -> Iterator[Word]:
        """The observations of an edge of the snapshot that go on counting, quarantined ones apart."""
        snapshot = self.snapshot
        said = snapshot.edges.observations
        for at in range(*snapshot.edges.evidence(edge).indices(len(said.flags))):
            flags, rank, evidence = int(said.flags[at]), int(said.rank[at]), int(said.evidence[at])
            declared = evidence == Evidence.DECLARED
            if flags & Flag.QUARANTINED or (declared and rank in self._replaced):
                continue
            objects = snapshot.objects
            yield Word(
                evidence,
                rank,
                objects[rank] if declared and rank < len(objects) else NO_OBJECT,
                int(said.mode[at]),
                int(said.requirement[at]),
                snapshot.protocols[said.protocol[at]],
                accepted=bool(flags & Flag.ACCEPTED),
                alertable=bool(flags & Flag.ALERTABLE),
            )

    def _word(self, claim: Claim, now: datetime) -> Word:
        """What is added to an edge."""
        return Word(
            Evidence.DECLARED,
            self._ranks.get(claim.object, _YOUNGEST),
            claim.object,
            claim.edge.mode,
            claim.edge.requirement,
            claim.edge.protocol,
            accepted=claim.edge.accepted_at(now),
            alertable=True,
        )


def _by_source(pairs: Iterable[Pair]) -> dict[int, list[int]]:
    """The targets of each source."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    for source, target in pairs:
        found[source].append(target)
    return dict(found)


def _precedence(word: Word) -> tuple[int, int, ObjectName]:
    """Who counts first: the better evidence, the older object; of two that appear at once the one whose name comes first."""
    return word.evidence, word.rank, word.object


def _tie(words: Sequence[Word]) -> Tie:
    """One edge of several words, as `graph.merge` has it."""
    return Tie(
        next((word.mode for word in words if word.mode), 0),
        next((word.requirement for word in words if word.requirement), 0),
        any(word.accepted for word in words),
    )


_masks: WeakKeyDictionary[Snapshot, Mask] = WeakKeyDictionary()
_names: WeakKeyDictionary[Snapshot, dict[ObjectName, int]] = WeakKeyDictionary()


def _alertable(snapshot: Snapshot) -> Mask:
    """By edge, whether it may raise an alert, as `graph.components` has it; kept for as long as the snapshot lives."""
    found = _masks.get(snapshot)
    if found is None:
        edges = snapshot.edges
        found = ((edges.flags & _IN_DOUBT) == _ALERTABLE) & (edges.source != edges.target)
        _masks[snapshot] = found
    return found


def _ranks(snapshot: Snapshot) -> dict[ObjectName, int]:
    """The rank of each object by name; kept likewise."""
    found = _names.get(snapshot)
    if found is None:
        found = _names[snapshot] = {name: rank for rank, name in enumerate(snapshot.objects) if rank}
    return found
