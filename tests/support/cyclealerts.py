"""CycleAlert objects as the API server shows them, and versions of lettered circles for them, for tests without one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from servicegraph.graph.alerts import NO_NEWS, Alerts, News
from servicegraph.model.cyclealert import INSTANCE_LABEL
from servicegraph.writeback.live_alert import LiveAlert
from support.alerting import LETTERS, NODES, wired
from support.circled import next_version
from support.graphs import MARK
from support.reference import Fact

if TYPE_CHECKING:
    from servicegraph.graph.columns import Node
    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.model.alert import Alert

INSTANCE = "servicegraph"


def live_alert(
    name: str,
    status: dict[str, Any] | None = None,
    said: dict[str, Any] | None = None,
    *,
    generation: int = 1,
    instance: str | None = INSTANCE,
) -> LiveAlert:
    """An object as it is shown; `said` is the acknowledgement in its spec."""
    body: dict[str, Any] = {
        "metadata": {
            "name": name,
            "uid": f"uid-{name}",
            "generation": generation,
            "resourceVersion": "5",
            "labels": {INSTANCE_LABEL: instance} if instance else {},
        },
        "status": status or {"observedGeneration": -1},
    }
    if said is not None:
        body["spec"] = {"acknowledgement": said}
    return LiveAlert.of(body)


@dataclass
class Versions:
    """Goes from graph to graph; each word is a circle of lettered services, as in `support.alerting`."""

    alerts: Alerts = field(default_factory=lambda: Alerts.of([]))
    number: int = MARK.version

    def become(
        self, text: str = "", news: News = NO_NEWS, *, facts: list[Fact] | None = None, nodes: Any = NODES
    ) -> Snapshot:
        """The graph of the next version, with its alerts."""
        self.number += 1
        known: list[Node] = list(nodes)
        made = facts if facts is not None else [Fact(a, b) for a, b in wired(text)]
        snapshot, changed = next_version(made, known, self.alerts, replace(MARK, version=self.number), news)
        self.alerts = Alerts.of(changed.alerts.by_name.values())
        return snapshot


def only(snapshot: Snapshot) -> Alert:
    """The only alert."""
    (alert,) = snapshot.alerts
    return alert


__all__ = ["INSTANCE", "LETTERS", "Versions", "live_alert", "only"]
