"""What Kubernetes shows of every CycleAlert; `alert_report`, `acknowledgements` and `announcer` want to know of changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicegraph.reconcile.cluster_objects import ClusterObjects
from servicegraph.writeback.live_alert import LiveAlert

if TYPE_CHECKING:
    from servicegraph.kube.client import KubeClient
    from servicegraph.reconcile.health import HealthBoard


class AlertObjects(ClusterObjects[LiveAlert]):
    """All CycleAlert objects by name, whoever made them. For the reconciler's loop only."""

    def __init__(self, kube: KubeClient, health: HealthBoard, resync_minutes: float) -> None:
        super().__init__("CycleAlert", "alerts", kube.list_alerts, LiveAlert.of, health, resync_minutes)
