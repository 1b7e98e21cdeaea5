"""After the loss of the database: the CycleAlert objects that exist are what is left of the alerts.

Until everything that exists has been stored once, each batch offers them to the commit, so that a circle that is declared again
gets back its alert with its name and its acknowledgement. In the end those without a circle are stored as resolved. Where no
alert is lost all this finds nothing to do. `alert_report` begins after it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from servicegraph import log
from servicegraph.errors import Retry, ServicegraphError
from servicegraph.ingest.batch import Adoption, Batch
from servicegraph.reconcile.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servicegraph.ingest.commit import GraphWriter
    from servicegraph.model.alert import Alert
    from servicegraph.reconcile.alert_objects import AlertObjects

_log = log.get(__name__)


class Adopting:
    """Offers the alerts of this operator's own objects until everything is stored. For the reconciler's loop only."""

    def __init__(self, objects: AlertObjects, writer: GraphWriter, instance: str) -> None:
        self._objects = objects
        self._writer = writer
        self._instance = instance
        self._left: tuple[Alert, ...] | None = None

    def offer(self) -> Adoption | None:
        """What a batch has to bring along; None once everything is stored, or where there is no such object."""
        if self._left is None:
            self._left = tuple(self._remembered())
        return Adoption(self._left) if self._left else None

    async def finish(self) -> int:
        """Everything that exists is stored: settle the alerts that are left; outages are waited out.

        Returns:
            The version of the graph from which on that is done; 0 where nothing was to be done.
        """
        backoff = Backoff(first=0.2, cap=5.0)
        version = 0
        while self.offer() is not None:
            try:
                version = await self._settle()
            except ServicegraphError as error:
                if error.retry is Retry.NEVER:
                    _log.warning("alerts.not_adopted", error=error.message)
                    self._left = ()
                await asyncio.sleep(backoff.next())
        return version

    async def _settle(self) -> int:
        left = self._left or ()
        committed = await self._writer.commit(Batch(adoption=Adoption(left, complete=True)))
        if committed.changed:
            _log.info("alerts.adopted", objects=len(left), version=committed.version)
        self._left = ()
        return committed.version

    def _remembered(self) -> Iterator[Alert]:
        for live in self._objects.live.values():
            alert = live.remembered() if live.instance == self._instance else None
            if alert is not None:
                yield alert
