"""From the specs of CycleAlert objects into the graph: what people say about circles, stored like any other input.

Nothing is queued: whenever an object or the graph has changed, `news` (pure) compares what the specs say with what is stored,
and what differs is committed. So what is missed while the process is away is found at the next look.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from servicegraph import log
from servicegraph.errors import Retry, ServicegraphError
from servicegraph.ingest.batch import Batch
from servicegraph.model.alert import AlertState
from servicegraph.reconcile.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from servicegraph.ingest.commit import GraphWriter
    from servicegraph.model.alert import Acknowledgement, Alert
    from servicegraph.model.ports import GraphReader
    from servicegraph.reconcile.alert_objects import AlertObjects
    from servicegraph.reconcile.health import HealthBoard
    from servicegraph.writeback.live_alert import LiveAlert

    Words = dict[str, Acknowledgement | None]

_log = log.get(__name__)


class Acknowledgements:
    """Has stored what people write into alerts. For the reconciler's loop only."""

    def __init__(
        self,
        objects: AlertObjects,
        reader: GraphReader,
        writer: GraphWriter,
        health: HealthBoard,
        instance: str,
    ) -> None:
        self._objects = objects
        self._reader = reader
        self._writer = writer
        self._health = health
        self._instance = instance
        self._backoff = Backoff(first=0.2, cap=5.0)
        self._wake = asyncio.Event()
        self._resting = asyncio.Event()
        self._resting.set()

    def look(self, _cause: object = None) -> None:
        """Compare anew: an object or the graph has changed."""
        self._wake.set()
        self._resting.clear()

    async def rested(self) -> None:
        """Wait until what is known has been looked at."""
        await self._resting.wait()

    async def run(self) -> None:
        """Store what is news until cancelled; outages are waited out."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._store()
            except ServicegraphError as error:
                self._health.report(
                    "acknowledgements", f"acknowledgements wait to be stored: {error.message}"
                )
                await asyncio.sleep(self._backoff.next())
                self._wake.set()
                continue
            self._backoff.reset()
            self._health.clear("acknowledgements")
            if not self._wake.is_set():
                self._resting.set()

    async def _store(self) -> None:
        snapshot = self._reader.current()
        said = news(self._objects.live, snapshot.alerts, self._instance) if snapshot else {}
        if said:
            await self._commit(said)

    async def _commit(self, said: Words) -> None:
        """Commit; where the store refuses, each word by itself, so that one cannot hold up the others."""
        try:
            await self._writer.commit(Batch(acknowledgements=said))
        except ServicegraphError as error:
            if error.retry is not Retry.NEVER:
                raise
            if len(said) > 1:
                for name, words in said.items():
                    await self._commit({name: words})
            else:
                _log.warning("acknowledgement.refused", alert=next(iter(said)), error=error.message)


def news(live: Mapping[str, LiveAlert], alerts: Iterable[Alert], instance: str) -> Words:
    """What the specs say that is not stored, by alert; None where they say nothing any more.

    An object that is gone says nothing, but while its circle is there it is about to be made again, and speaks then. What
    cannot be used changes nothing.
    """
    said: Words = {}
    for alert in alerts:
        one = live.get(alert.name)
        if one is None:
            if alert.state is AlertState.RESOLVED and alert.acknowledgement is not None:
                said[alert.name] = None
        elif one.instance == instance and not one.fault and not _same(one.said, alert.acknowledgement):
            said[alert.name] = one.said
    return said


def _same(said: Acknowledgement | None, stored: Acknowledgement | None) -> bool:
    return stored is None if said is None else said.says(stored)
