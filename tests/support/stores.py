"""A database and a writer, for code that is not asynchronous: state machines, that is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from oracle import readings
from servicegraph.clock import SystemClock
from servicegraph.ingest.batch import Batch
from servicegraph.ingest.commit import GraphWriter
from servicegraph.model.observation import DeclaredObject, RemovedObject
from servicegraph.model.translate import translate
from servicegraph.store.engine import open_engine, transaction
from servicegraph.store.snapshot import load
from support import stored

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence

    from oracle.bodies import Body
    from oracle.readings import Reading
    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.ingest.ageing import Thresholds
    from servicegraph.ingest.batch import Committed

T = TypeVar("T")


class Store:
    """A database and a writer, for code that is not asynchronous."""

    def __init__(self, url: str, thresholds: Thresholds | None = None) -> None:
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._engine = open_engine(url, pool_size=2)
        self._writer = GraphWriter(self._engine, SystemClock(), thresholds)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def close(self) -> None:
        self.run(self._engine.dispose())
        self._runner.close()

    def begin(self, observations: Sequence[dict[str, Any]] = ()) -> None:
        async def work() -> None:
            async with transaction(self._engine) as conn:
                await stored.empty(conn)
                await stored.observe(conn, observations)

        self.run(work())

    def commit(self, batch: Batch) -> Committed:
        return self.run(self._writer.commit(batch))

    def snapshot(self) -> Snapshot:
        return self.run(load(self._engine))

    def look(self) -> tuple[Reading, dict[str, list[tuple[Any, ...]]]]:
        """The graph by plain SQL, and where every row lies."""

        async def work() -> tuple[Reading, dict[str, list[tuple[Any, ...]]]]:
            async with transaction(self._engine, read_only=True) as conn:
                return await readings.graph(conn), await readings.addresses(conn)

        return self.run(work())


def batch_of(changes: Mapping[str, Body | None]) -> Batch:
    """What has been heard of objects, by uid; None of one that is gone."""
    said = [translate(body) for body in changes.values() if body is not None]
    return Batch(
        [one for one in said if isinstance(one, DeclaredObject)],
        [one for one in said if not isinstance(one, DeclaredObject)],
        [RemovedObject(one, "deleted") for one, body in changes.items() if body is None],
    )
