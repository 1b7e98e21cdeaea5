"""After the loss of the database: CycleAlert objects are taken over by the circles that are declared again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from servicegraph.ingest.batch import Adoption, Batch
from servicegraph.model.alert import Acknowledgement, AlertState
from servicegraph.store.engine import transaction
from servicegraph.store.snapshot import load
from support.declared import DAWN, declares
from support.rings import Rings, alert_with, letters, told
from support.stored import empty

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.clock import SteppedClock
    from servicegraph.ingest.commit import GraphWriter
    from servicegraph.model.alert import Alert
    from support.rows import Rows


@pytest.fixture
async def left(writer: GraphWriter, engine: AsyncEngine, clock: SteppedClock) -> dict[str, Alert]:
    """The alerts that are left as objects, by members; they know nothing of edges, and the database is lost."""
    rings = Rings(writer)
    await rings.become("ab hij ef")
    await rings.become("abc hij")
    alerts = (await load(engine)).alerts
    async with transaction(engine) as conn:
        await empty(conn)
    clock.step(timedelta(days=3))
    return {letters(alert): replace(alert, shape=b"", witness=(), cut=(), cut_size=0) for alert in alerts}


async def test_a_circle_goes_on_under_the_name_of_its_object_and_nothing_is_told(
    left: dict[str, Alert], writer: GraphWriter, engine: AsyncEngine
) -> None:
    adoption = Adoption(list(left.values()))
    batch = Batch([declares("a", "b"), declares("b", "c"), declares("c", "a")], adoption=adoption)
    done = await writer.commit(batch)
    assert (done.version, done.told) == (1, ())
    (alert,) = (await load(engine)).alerts
    assert (letters(alert), alert.name, alert.opened_at) == ("abc", left["abc"].name, DAWN)
    assert [str(one) for one in alert.cut] == ["shop/a → shop/b"]
    assert alert.shape


async def test_what_an_object_said_still_counts(
    left: dict[str, Alert], writer: GraphWriter, engine: AsyncEngine
) -> None:
    known = replace(
        left["abc"],
        state=AlertState.ACKNOWLEDGED,
        acknowledgement=Acknowledgement(2, "known", members=left["abc"].members),
    )
    await writer.commit(
        Batch([declares("a", "b"), declares("b", "c"), declares("c", "a")], adoption=Adoption([known]))
    )
    assert alert_with(await load(engine), "abc").state is AlertState.ACKNOWLEDGED


async def test_objects_whose_circle_is_not_declared_yet_wait_until_everything_is_heard(
    left: dict[str, Alert], writer: GraphWriter, engine: AsyncEngine, rows: Rows
) -> None:
    adoption = Adoption(list(left.values()))
    await writer.commit(Batch([declares("a", "b"), declares("b", "c")], adoption=adoption))
    assert (await load(engine)).alerts == ()
    await writer.commit(Batch([declares("c", "a")], adoption=adoption))
    done = await writer.commit(Batch(adoption=replace(adoption, complete=True)))
    assert told(done) == [(left["hij"].name, "CycleResolved", "NoCircleLeft")]
    stored = {letters(alert): alert for alert in (await load(engine)).alerts}
    assert {members: alert.name for members, alert in stored.items()} == {
        members: alert.name for members, alert in left.items()
    }
    assert stored["ef"] == left["ef"], "it was resolved before"
    before = await rows.addresses()
    assert not (await writer.commit(Batch(adoption=replace(adoption, complete=True)))).changed
    assert await rows.addresses() == before


async def test_an_alert_that_is_stored_is_not_adopted(
    left: dict[str, Alert], writer: GraphWriter, engine: AsyncEngine
) -> None:
    rings = Rings(writer)
    await rings.become("abc")
    stored = alert_with(await load(engine), "abc")
    stale = replace(left["abc"], name=stored.name, opened_at=DAWN)
    assert not (await writer.commit(Batch(adoption=Adoption([stale], complete=True)))).changed
    assert (await load(engine)).alerts == (stored,)
