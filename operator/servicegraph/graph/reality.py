"""What teams declare held against what telemetry shows, for all edges of a snapshot at once.

Worked out on whole columns and kept with the snapshot, because many ask: `graph.drift` lists where the two disagree, the
condition `Observed` tells each object its part. Not here: what is said about it in words, and how much of it.

Only words about calls count. Declared is what an object says; api records are neither declared nor observed. Observed is what
a source of telemetry shows, unless that is stale or quarantined; whether it is confirmed already, or missing for a while, does
not matter. What no source could show is not judged: service-graph series never show a queue, only who writes to it calling who
reads from it. So such a call is *relayed* where both have declared the queue, and needs no declaration of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from scipy import sparse

from servicegraph.graph.catalogue import catalogue
from servicegraph.graph.merge import freeze
from servicegraph.model.ids import Kind
from servicegraph.model.vocabulary import Evidence, Flag, Mode

if TYPE_CHECKING:
    import numpy.typing as npt

    from servicegraph.graph.snapshot import Snapshot

    Bools = npt.NDArray[np.bool_]
    Int32s = npt.NDArray[np.int32]

_IN_DOUBT = np.uint8(Flag.STALE | Flag.QUARANTINED)


@dataclass(frozen=True, slots=True, eq=False)
class Reality:
    """By edge of one snapshot; the arrays are read-only."""

    declared: Bools
    """An object declares it."""
    optional: Bools
    """An object that declares it says that never to see it is fine (`observation: Optional`)."""
    observed: Bools
    """A source of telemetry shows it."""
    judged: Bools
    """It is observed, or some source of telemetry could show a call between services of these kinds."""
    relayed: Bools
    """It is observed as asynchronous between two that have declared one and the same queue: its two halves are declared."""
    reverse: Int32s
    """The position of the edge between the same two the other way round; -1 where there is none."""

    @property
    def unseen(self) -> Bools:
        """By edge: declared, and should be seen, but is not."""
        return self.declared & self.judged & ~self.optional & ~self.observed

    @property
    def undeclared(self) -> Bools:
        """By edge: observed, but neither it nor the queue in between is declared."""
        return self.observed & ~self.declared & ~self.relayed

    @property
    def swapped(self) -> Bools:
        """By edge: declared, but what is seen is its `reverse`, which is not declared."""
        return self.unseen & (self.reverse >= 0) & self.undeclared[self.reverse]


_kept: WeakKeyDictionary[Snapshot, Reality] = WeakKeyDictionary()


def reality(snapshot: Snapshot) -> Reality:
    """What is declared held against what is observed; worked out once and kept for as long as the snapshot lives."""
    found = _kept.get(snapshot)
    if found is None:
        found = _kept[snapshot] = _reality(snapshot)
    return found


def _reality(snapshot: Snapshot) -> Reality:
    edges, said = snapshot.edges, snapshot.edges.observations
    of_object = said.evidence == Evidence.DECLARED
    of_telemetry = (said.evidence >= Evidence.BOTH_ENDS) & ((said.flags & _IN_DOUBT) == 0)
    declared, observed = edges.rest_on(of_object), edges.rest_on(of_telemetry)
    found = Reality(
        declared=declared,
        optional=edges.rest_on(of_object & ((said.flags & np.uint8(Flag.OPTIONAL)) != 0)),
        observed=observed,
        judged=observed | _visible(snapshot),
        relayed=_relayed(snapshot, declared, observed),
        reverse=_reverse(snapshot),
    )
    freeze(found)
    return found


def _visible(snapshot: Snapshot) -> Bools:
    """By edge, whether some source of telemetry shows calls between services of the kinds of its ends."""
    edges = snapshot.edges
    visible = np.zeros(len(edges), np.bool_)
    for sees in {one.sees for one in snapshot.providers if one.sees}:
        seen = catalogue(snapshot).of_kinds(sees)
        visible |= seen[edges.source] & seen[edges.target]
    return visible


def _relayed(snapshot: Snapshot, declared: Bools, observed: Bools) -> Bools:
    """By edge, whether it is an observed message between two that both have a declared edge to, or from, the same queue."""
    edges, count = snapshot.edges, len(snapshot.nodes)
    relayed = np.zeros(len(edges), np.bool_)
    messages = np.flatnonzero(observed & ~declared & (edges.mode == Mode.ASYNC))
    queue = catalogue(snapshot).of_kinds([Kind.QUEUE])
    to, from_ = declared & queue[edges.target], declared & queue[edges.source]
    user = np.concatenate((edges.source[to], edges.target[from_]))
    used = np.concatenate((edges.target[to], edges.source[from_]))
    uses = sparse.csr_array((np.ones(len(user), np.int32), (user, used)), shape=(count, count))
    shared = uses[edges.source[messages]] * uses[edges.target[messages]]
    relayed[messages] = shared.sum(axis=1) > 0
    return relayed


def _reverse(snapshot: Snapshot) -> Int32s:
    """By edge, where the edge the other way round stands; edges are sorted by source, then target."""
    edges, count = snapshot.edges, len(snapshot.nodes)
    key = edges.source.astype(np.int64) * count + edges.target
    wanted = edges.target.astype(np.int64) * count + edges.source
    place = np.searchsorted(key, wanted)
    there = key.take(place, mode="clip") == wanted if len(key) else np.zeros(0, np.bool_)
    return np.where(there, place, -1).astype(np.int32)
