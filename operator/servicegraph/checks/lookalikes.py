"""Services that one side alone names, and what the other side calls nearly the same: "did you mean …" for drift.

A call that is declared and never seen, beside one that is seen and never declared, is often one call under two names.
The HTTP server asks this for the list of drift; `checks.near` searches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from servicegraph.checks.near import known_services
from servicegraph.graph.catalogue import catalogue
from servicegraph.graph.reality import reality
from servicegraph.model.ids import Kind

if TYPE_CHECKING:
    import numpy.typing as npt

    from servicegraph.graph.drift import Drift
    from servicegraph.graph.snapshot import Snapshot

    Bools = npt.NDArray[np.bool_]

MOST = 100
"""Names searched for; one search takes about a millisecond in a graph of 100,000 services."""


class Lookalike(NamedTuple):
    """A service under a name that may be a mistake."""

    id: str
    candidates: tuple[str, ...]
    """Who may be meant, the likeliest first."""


def lookalikes(
    snapshot: Snapshot, scope: Bools, drift: Drift, most: int = MOST
) -> tuple[list[Lookalike], bool]:
    """The near misses among the services of some edges, by id, and whether there may be more.

    Searched for are declared targets that nobody knows, and services of undeclared calls that no object or api record names.
    A declared Service may mean anything that is known, as in the condition `Resolved`; all others only what is of their kind.

    Args:
        snapshot: the graph.
        scope: by edge, whether its services are asked for.
        drift: of the same edges.
        most: names searched for.
    """
    known = known_services(snapshot)
    stated = np.fromiter((one.stated for one in snapshot.nodes), np.bool_, len(snapshot.nodes))
    of_kind = {kind.value: catalogue(snapshot).of_kinds([kind]) for kind in Kind}
    unknown = _declared_targets(snapshot, scope, drift, of_kind[Kind.SERVICE]) & ~known.mask
    discovered = _undeclared(snapshot, drift) & ~stated
    wanted = np.flatnonzero(unknown | discovered)
    found = []
    for at in wanted[:most].tolist():
        key = snapshot.nodes[at].key
        among = of_kind[key.kind] & (known.mask if unknown[at] else stated)
        anything = unknown[at] and key.kind == Kind.SERVICE
        candidates = known.near(key, None if anything else among)
        if candidates:
            found.append(Lookalike(str(key), candidates))
    return found, len(wanted) > most


def _declared_targets(snapshot: Snapshot, scope: Bools, drift: Drift, services: Bools) -> Bools:
    """By node, whether a call to it is declared; unless it is a Service, a call that is not seen, as others need no object."""
    targets = np.zeros(len(snapshot.nodes), np.bool_)
    targets[snapshot.edges.target[scope & reality(snapshot).declared]] = True
    targets &= services
    targets[snapshot.edges.target[drift.declared_only]] = True
    return targets


def _undeclared(snapshot: Snapshot, drift: Drift) -> Bools:
    """By node, whether it is an end of a call that is only observed, and of none that is declared."""
    edges, declared = snapshot.edges, reality(snapshot).declared
    ends = np.zeros(len(snapshot.nodes), np.bool_)
    for end in (edges.source, edges.target):
        ends[end[drift.observed_only]] = True
    for end in (edges.source, edges.target):
        ends[end[declared]] = False
    return ends
