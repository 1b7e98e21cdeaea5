"""The edges of one circle as a CycleAlert shows them: those that explain it first, in a list that is bounded.

Called by `alerts`. How edges look in the answers of the HTTP server is that server's affair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from servicegraph.model.vocabulary import Mode, Requirement

if TYPE_CHECKING:
    import numpy.typing as npt

    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.model.alert import Alert

    Int32s = npt.NDArray[np.int32]

_PROVIDERS = 16


def edges_within(alert: Alert, snapshot: Snapshot) -> Int32s:
    """The positions of the edges that make the circle of an alert, ascending."""
    members = [at for key in alert.members if (at := snapshot.position(key)) is not None]
    start, edge = snapshot.outgoing.start, snapshot.outgoing.edge
    of_each = [edge[start[at] : start[at + 1]] for at in members]
    found = np.concatenate(of_each) if of_each else np.empty(0, np.int32)
    return np.sort(found[snapshot.in_circle[found]])


def shown_edges(alert: Alert, snapshot: Snapshot, own: Int32s, most: int) -> list[dict[str, Any]]:
    """At most `most` of the edges `own` in the order of their ends; the shortest circle and the cheapest cut come in first."""
    if len(own) > most:
        explaining = set(zip(alert.witness, alert.witness[1:], strict=False))
        explaining |= {(one.source, one.target) for one in alert.cut}
        rest = np.array([_ends(snapshot, at) not in explaining for at in own.tolist()])
        own = np.sort(own[np.argsort(rest, kind="stable")[:most]])
    return [_shown(snapshot, at) for at in own.tolist()]


def _ends(snapshot: Snapshot, edge: int) -> tuple[Any, Any]:
    return (
        snapshot.nodes[snapshot.edges.source[edge]].key,
        snapshot.nodes[snapshot.edges.target[edge]].key,
    )


def _shown(snapshot: Snapshot, edge: int) -> dict[str, Any]:
    edges = snapshot.edges
    source, target = _ends(snapshot, edge)
    who = dict.fromkeys(edges.observations.provider[edges.evidence(edge)].tolist())
    said = {
        "source": str(source),
        "target": str(target),
        "mode": Mode(int(edges.mode[edge])).word,
        "requirement": Requirement(int(edges.requirement[edge])).word,
        "providers": [snapshot.providers[one].name for one in list(who)[:_PROVIDERS]],
        "confidence": round(float(edges.confidence[edge]), 4),
    }
    return {field: value for field, value in said.items() if value is not None}
