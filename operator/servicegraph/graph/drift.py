"""Where declarations and reality disagree, and where they agree: lists of edges, bounded and in the order of their ids.

`graph.reality` judges each edge; here those of some namespace or team are picked. An edge stands in one list at most. In none
stand those that nobody can judge (a queue's), those that need not be seen, and messages whose queue is declared at both ends.
The HTTP server adds names that may be misspelt (`checks.lookalikes`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from servicegraph.graph.catalogue import catalogue
from servicegraph.graph.reality import reality
from servicegraph.model.vocabulary import Evidence

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from servicegraph.graph.columns import ObjectName
    from servicegraph.graph.snapshot import Snapshot

    Bools = npt.NDArray[np.bool_]
    Int32s = npt.NDArray[np.int32]

MOST = 5_000
"""Edges in one list; who needs more asks for one namespace after the other."""


@dataclass(frozen=True, slots=True, eq=False)
class Drift:
    """Positions of edges, ascending."""

    declared_only: Int32s
    """Declared and not seen, although it could be."""
    observed_only: Int32s
    """Seen and not declared."""
    both: Int32s
    """Declared and seen."""
    swapped: Int32s
    """Declared, where only the other direction is seen and not declared: that one's position is in `Reality.reverse`."""
    truncated: bool
    """Whether there are more than a list shows."""


def drift(snapshot: Snapshot, scope: Bools, most: int = MOST) -> Drift:
    """Compare what is declared with what is observed.

    Args:
        snapshot: the graph.
        scope: by edge, whether it is asked for; an edge and its reverse alike.
        most: edges in one list.
    """
    real = reality(snapshot)
    swapped = real.swapped
    seen_instead = np.zeros(len(swapped), np.bool_)
    seen_instead[real.reverse[swapped]] = True
    declared_only, observed_only, both, only_swapped = (
        np.flatnonzero(scope & wanted).astype(np.int32)
        for wanted in (
            real.unseen & ~swapped,
            real.undeclared & ~seen_instead,
            real.declared & real.observed,
            swapped,
        )
    )
    longest = max(map(len, (declared_only, observed_only, both, only_swapped)))
    return Drift(
        declared_only[:most], observed_only[:most], both[:most], only_swapped[:most], truncated=longest > most
    )


def scope_of(snapshot: Snapshot, namespace: str | None = None, team: str | None = None) -> Bools:
    """By edge, whether either end is in the namespace, and either end is of the team; None asks for all."""
    edges, scope = snapshot.edges, np.ones(len(snapshot.edges), np.bool_)
    if namespace is not None:
        inside = catalogue(snapshot).in_namespace(namespace)
        scope &= inside[edges.source] | inside[edges.target]
    if team is not None:
        of_team = catalogue(snapshot).of_team(team)
        scope &= of_team[edges.source] | of_team[edges.target]
    return scope


def declaring(snapshot: Snapshot, sources: Iterable[int]) -> dict[int, list[ObjectName]]:
    """The objects that declare a call of each of these services, by position; without those of which none does.

    An object that declares no call is not among them.
    """
    found: dict[int, list[ObjectName]] = {}
    said = snapshot.edges.observations
    for source in sources:
        begin, end = snapshot.edges.first[snapshot.outgoing.start[source : source + 2]].tolist()
        ranks = said.rank[begin:end][said.evidence[begin:end] == Evidence.DECLARED]
        names = [
            snapshot.objects[rank] for rank in np.unique(ranks).tolist() if 0 < rank < len(snapshot.objects)
        ]
        if names:
            found[source] = names
    return found
