"""Reports onto DiscoverySource objects how they stand and what their last poll brought.

`writeback.source.to_write`, pure, says what is to be written now, if anything; `object_report` sees to it that it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from servicegraph import metrics
from servicegraph.reconcile.object_report import ObjectReport
from servicegraph.writeback.source import to_write

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from servicegraph.clock import Clock
    from servicegraph.kube.client import KubeClient
    from servicegraph.reconcile.sources import SourceObjects
    from servicegraph.writeback.pace import Pace
    from servicegraph.writeback.source import Standing


@dataclass(frozen=True, slots=True)
class Write:
    """A status to be written."""

    resource_version: str
    status: dict[str, Any]
    polled: datetime | None
    """The poll that it tells of."""


class SourceReport(ObjectReport[Write]):
    """Brings sources to what they should say. For the reconciler's loop only.

    `standing` says how a source stands; None where that is not known yet.
    """

    def __init__(
        self,
        kube: KubeClient,
        objects: SourceObjects,
        standing: Callable[[str], Standing | None],
        pace: Pace,
        clock: Clock,
    ) -> None:
        super().__init__("source", objects, kube.get_source, pace, metrics.source_writes)
        self._kube = kube
        self._objects = objects
        self._standing = standing
        self._clock = clock
        self._written: dict[str, datetime] = {}
        """The poll that was last written of, by uid."""

    def _next(self, name: str) -> Write | None:
        live, standing = self._objects.live.get(name), self._standing(name)
        if live is None or standing is None:
            return None
        status = to_write(live, standing, self._clock.now(), self._written.get(live.uid))
        if status is None:
            return None
        return Write(live.resource_version, status, standing.last.poll.at if standing.last else None)

    async def _write(self, name: str, step: Write) -> str:
        body = await self._kube.apply_source_status(name, step.resource_version, step.status)
        self._objects.take(body)
        if step.polled is not None:
            self._written[body["metadata"]["uid"]] = step.polled
        return "written"
