"""A database with a writer, and a way to look at its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from servicegraph.clock import SteppedClock
from servicegraph.ingest.commit import GraphWriter
from servicegraph.store.engine import open_engine
from support.polled import SOON, Polling
from support.rows import Rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncEngine


@pytest.fixture
async def engine(database: str) -> AsyncIterator[AsyncEngine]:
    """A pool of connections to a fresh, migrated database."""
    engine = open_engine(database, pool_size=10)
    yield engine
    await engine.dispose()


@pytest.fixture
def clock() -> SteppedClock:
    """The clock of the writer."""
    return SteppedClock()


@pytest.fixture
def writer(engine: AsyncEngine, clock: SteppedClock) -> GraphWriter:
    """Writes to the database."""
    return GraphWriter(engine, clock)


@pytest.fixture
def rows(engine: AsyncEngine) -> Rows:
    """Reads from the database."""
    return Rows(engine)


@pytest.fixture
def otel(engine: AsyncEngine, clock: SteppedClock) -> Polling:
    """A source of telemetry whose edges age soon."""
    return Polling(GraphWriter(engine, clock, SOON), clock)
