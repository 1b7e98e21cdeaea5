"""Whether what an object declares is part of a circle of services that depend on each other: the condition `InCycle`.

It concerns the objects that declare an edge of the circle and no others: who merely calls a member, or is called by one, can do
nothing about it. A circle makes nobody less Ready. `writeback` calls this for each object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicegraph.checks.verdict import MAX_MESSAGE, Verdict
from servicegraph.graph.telling import path
from servicegraph.model.alert import AlertState
from servicegraph.model.vocabulary import Evidence

if TYPE_CHECKING:
    from collections.abc import Container

    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.model.alert import Alert
    from servicegraph.model.ids import ServiceKey

IN_CYCLE = "InCycle"
PART_OF_CYCLE = "PartOfCycle"
NOT_IN_CYCLE = "NotInCycle"


def circle_of(snapshot: Snapshot, source: ServiceKey, targets: Container[ServiceKey] | None) -> Alert | None:
    """The alert of the circle that calls of `source` are part of; None if none is. A service is in one circle at most.

    Args:
        snapshot: the graph.
        source: who calls.
        targets: whom an object declares that it calls; None where only the graph can tell, by what anybody declares.
    """
    at = snapshot.position(source) if snapshot.alerts else None
    alert = None if at is None else snapshot.alert_of(at)
    if at is None or alert is None:
        return None
    own = slice(int(snapshot.outgoing.start[at]), int(snapshot.outgoing.start[at + 1]))
    for edge in snapshot.outgoing.edge[own].tolist():
        if snapshot.in_circle[edge] and (
            _is_declared(snapshot, edge)
            if targets is None
            else snapshot.nodes[snapshot.edges.target[edge]].key in targets
        ):
            return alert
    return None


def circling(alert: Alert | None) -> Verdict:
    """Tell an object which circle it has a part in."""
    if alert is None:
        return Verdict(IN_CYCLE, "False", NOT_IN_CYCLE, "nothing that it declares is part of a circle")
    known = "acknowledged, " if alert.state is AlertState.ACKNOWLEDGED else ""
    message = f"{alert.name} ({known}{alert.severity}): {path(alert.witness)}"
    return Verdict(IN_CYCLE, "True", PART_OF_CYCLE, message[:MAX_MESSAGE], 1)


def _is_declared(snapshot: Snapshot, edge: int) -> bool:
    """Whether an object declares the edge; that is its best evidence."""
    return bool(snapshot.edges.observations.evidence[snapshot.edges.first[edge]] == Evidence.DECLARED)
