"""Announces what happened to alerts, as Events on the alert and on the declarations that have a part in it.

What has to be announced stands in Postgres (`transitions`), written by the version that caused it, and is marked there once its
Events are written. So a crash neither loses one nor says it twice, and nothing has to be drained at the end. The speed is
bounded: when a thousand circles open at once, their Events come over minutes.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING

from servicegraph import log, metrics
from servicegraph.errors import Retry, ServicegraphError
from servicegraph.ingest.batch import Batch
from servicegraph.model import cyclealert, servicedependency
from servicegraph.model.alert import AlertState, TransitionKind
from servicegraph.reconcile.alert_report import by_name
from servicegraph.reconcile.backoff import Backoff
from servicegraph.store.alerts import unannounced
from servicegraph.writeback.events import Subject
from servicegraph.writeback.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.ingest.commit import GraphWriter
    from servicegraph.model.alert import Alert, TransitionKey, TransitionRecord
    from servicegraph.model.ids import ServiceKey
    from servicegraph.model.ports import GraphReader
    from servicegraph.reconcile.alert_objects import AlertObjects
    from servicegraph.reconcile.objects import Objects
    from servicegraph.writeback.events import Recorder
    from servicegraph.writeback.live import LiveObject

    BySource = Mapping[ServiceKey, Sequence[LiveObject]]

_log = log.get(__name__)

EVENTS_PER_SECOND = 25.0
MAX_DECLARATIONS = 20
"""Declarations that are told of one transition."""
_MARKED_AT_ONCE = 100


class Announcer:
    """Writes the Events that are due. For the reconciler's loop only."""

    def __init__(
        self,
        engine: AsyncEngine,
        writer: GraphWriter,
        recorder: Recorder,
        reader: GraphReader,
        objects: Objects,
        alert_objects: AlertObjects,
        instance: str,
    ) -> None:
        self._engine = engine
        self._writer = writer
        self._recorder = recorder
        self._reader = reader
        self._objects = objects
        self._alert_objects = alert_objects
        self._instance = instance
        self._pace = Pace(EVENTS_PER_SECOND)
        self._told: set[TransitionKey] = set()
        """Announced, and not yet marked as such."""
        self._wake = asyncio.Event()

    def look(self, _cause: object = None) -> None:
        """See what is due: the graph or an object has moved."""
        self._wake.set()

    async def run(self) -> None:
        """Announce until cancelled; outages are waited out."""
        backoff = Backoff(first=0.5, cap=30.0)
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._announce()
                backoff.reset()
            except ServicegraphError as error:
                _log.info("events.wait", error=error.message)
                await asyncio.sleep(backoff.next())
                self._wake.set()

    async def _announce(self) -> None:
        """Announce everything that is due, oldest first, and mark it.

        Raises:
            ServicegraphError: Postgres or the API server is away; what was announced is remembered.
        """
        due = [one for one in await unannounced(self._engine) if one.key not in self._told]
        declared = by_source(self._objects.live.values()) if due else {}
        held_up: set[str] = set()
        try:
            for record in due:
                alert = self._alert(record.transition.alert)
                if record.transition.alert in held_up or self._has_no_object_yet(alert):
                    held_up.add(record.transition.alert)  # its next look brings it
                    continue
                for subject in self._subjects(record, alert, declared):
                    await self._record(record, subject)
                self._told.add(record.key)
                if len(self._told) >= _MARKED_AT_ONCE:
                    await self._mark()
        finally:
            await self._mark()

    async def _mark(self) -> None:
        marked = tuple(self._told)
        if marked:
            await self._writer.commit(Batch(announced=marked))
            self._told.difference_update(marked)

    def _alert(self, name: str) -> Alert | None:
        snapshot = self._reader.current()
        return by_name(snapshot).get(name) if snapshot else None

    def _has_no_object_yet(self, alert: Alert | None) -> bool:
        """Whether the object that the Event would be about is still to be made."""
        return alert is None or (
            alert.state is not AlertState.RESOLVED and alert.name not in self._alert_objects.live
        )

    def _subjects(
        self, record: TransitionRecord, alert: Alert | None, declared: BySource
    ) -> Iterator[Subject]:
        """The alert, then the declarations that have a part in it."""
        name = record.transition.alert
        live = self._alert_objects.live.get(name)
        if live is None or live.instance == self._instance:
            yield Subject(cyclealert.KIND, "", name, live.uid if live else "")
        if alert is not None:
            over = record.transition.kind is TransitionKind.RESOLVED
            for one in concerned(alert, declared, over=over)[:MAX_DECLARATIONS]:
                yield Subject(servicedependency.KIND, one.namespace, one.name, one.uid)

    async def _record(self, record: TransitionRecord, subject: Subject) -> None:
        await asyncio.sleep(self._pace.book(asyncio.get_running_loop().time()))
        try:
            result = await self._recorder.record(record, subject)
        except ServicegraphError as error:
            if error.retry is not Retry.NEVER:
                raise
            _log.warning("event.refused", kind=subject.kind, name=subject.name, error=error.message)
            result = "refused"
        metrics.events.labels(record.transition.kind.value, result).inc()


def by_source(objects: Iterable[LiveObject]) -> BySource:
    """The declarations of each service, in the order of their names."""
    found: defaultdict[ServiceKey, list[LiveObject]] = defaultdict(list)
    for one in sorted(objects, key=lambda one: (one.namespace, one.name)):
        if one.source is not None:
            found[one.source].append(one)
    return found


def concerned(alert: Alert, declared: BySource, *, over: bool) -> list[LiveObject]:
    """The declarations that declare an edge of a circle; once it is `over`, those of its members, for the edge may be gone."""
    members = frozenset(alert.members or alert.members_when_resolved)
    return [
        one
        for member in sorted(members)
        for one in declared.get(member, ())
        if over or not members.isdisjoint(one.targets)
    ]
