"""A watch is judged by what it delivers: what was mended is forgotten, what stays deaf is started anew, then given up."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from servicegraph.reconcile import deafness
from servicegraph.reconcile.deafness import Deafness
from servicegraph.reconcile.health import HealthBoard
from servicegraph.reconcile.objects import Objects
from support.bodies import body

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

UID = "uid-shop-a"


class Court:
    """The judge, with everything it looks at; compares again only when a test says so."""

    def __init__(self) -> None:
        self.objects = Objects()
        self.health = HealthBoard()
        self.restart = asyncio.Event()
        self.deafness = Deafness(self.objects, self.health, self.restart, lambda: None)
        self.objects.find(body())

    async def restarted(self) -> None:
        """Wait for the verdict."""
        await self.restart.wait()
        self.restart.clear()

    async def acquitted(self) -> None:
        """Wait until the watch is said to be well."""
        while self.health.degraded():  # noqa: ASYNC110 - the board has no event
            await asyncio.sleep(0.001)


@pytest.fixture
async def court(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Court]:
    monkeypatch.setattr(deafness, "SECONDS", 0.01)
    court = Court()
    running = asyncio.create_task(court.deafness.run())
    yield court
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_a_watch_that_stays_silent_is_started_anew_and_given_up_after_three_restarts(
    court: Court,
) -> None:
    for _ in range(3):
        court.deafness.suspect({UID: 1})
        await court.restarted()
        assert "watch" in court.health.degraded()
        assert court.health.alive()
    court.deafness.suspect({UID: 1})
    await court.restarted()
    assert not court.health.alive()


async def test_a_watch_that_a_restart_has_mended_is_well_and_its_past_does_not_count(court: Court) -> None:
    for episode in range(1, 6):
        court.deafness.suspect({UID: episode})
        await court.restarted()
        # The new round delivers before the comparison ends, which therefore finds nothing unheard.
        court.objects.hear(body(generation=episode, version=episode))
        court.objects.find(body(generation=episode + 1, version=episode + 1))
        court.deafness.suspect({})
        assert court.health.degraded() == {}
    assert court.health.alive()


async def test_a_comparison_that_finds_nothing_unheard_does_not_end_an_open_suspicion(court: Court) -> None:
    court.deafness.suspect({UID: 1})
    court.deafness.suspect({})
    await court.restarted()


async def test_what_is_gone_need_not_be_heard_of(court: Court) -> None:
    court.health.report("watch", "deaf before")
    court.deafness.suspect({UID: 1})
    court.objects.forget(UID)
    await court.acquitted()
    assert not court.restart.is_set()


async def test_a_watch_that_delivers_one_after_another_is_not_deaf(
    court: Court, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = [body(name=f"n{at}") for at in range(20)]
    for one in bodies:
        court.objects.find(one)
    court.health.report("watch", "deaf before")
    minutes = 0
    delivers = court.deafness._delivers

    async def one_a_minute() -> bool:
        nonlocal minutes
        court.objects.hear(bodies[minutes])
        minutes += 1
        return await delivers()

    monkeypatch.setattr(court.deafness, "_delivers", one_a_minute)
    court.deafness.suspect({one["metadata"]["uid"]: 1 for one in bodies})
    await court.acquitted()
    assert minutes == len(bodies)
    assert not court.restart.is_set()


class Counting(dict[str, int]):
    """Counts how often it is looked into."""

    looks = 0

    def get(self, key: str, default: int = 0) -> int:  # type: ignore[override]  # narrower on purpose
        self.looks += 1
        return super().get(key, default)


async def test_hearing_thousands_takes_a_few_looks_at_each(
    court: Court, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deafness, "SECONDS", 30.0)
    bodies = [body(name=f"n{at}") for at in range(2000)]
    for one in bodies:
        court.objects.find(one)
    court.objects.heard = heard = Counting()
    court.health.report("watch", "deaf before")
    court.deafness.suspect({one["metadata"]["uid"]: 1 for one in bodies})
    for one in bodies:
        court.objects.hear(one)
        await asyncio.sleep(0)
    await court.acquitted()
    assert heard.looks < 10 * len(bodies)
