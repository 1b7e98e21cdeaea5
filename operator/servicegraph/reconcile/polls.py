"""Polls every source of telemetry when its time has come, and has each poll stored: the one scheduler for all of them.

Which sources there are is said by `sources` (`follow`); when each is due, by `timetable`. A poll is stored by the one writer,
with the retries and the words on the board that all its callers have. What became of it goes to whoever listens, so that it is
written onto the object. A source that exists no more is forgotten by a commit of its own, after its poll under way has ended.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from servicegraph import log
from servicegraph.errors import Retry, ServicegraphError
from servicegraph.ingest.batch import Batch
from servicegraph.model.telemetry import Failure, PollOutcome
from servicegraph.reconcile.backoff import Backoff
from servicegraph.reconcile.looks import Look
from servicegraph.reconcile.timetable import Timetable
from servicegraph.writeback.source import Polled

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from servicegraph.clock import Clock
    from servicegraph.ingest.batch import Committed
    from servicegraph.ingest.commit import GraphWriter
    from servicegraph.model.telemetry import Poll, Source
    from servicegraph.reconcile.health import HealthBoard
    from servicegraph.reconcile.looks import Looks
    from servicegraph.reconcile.timetable import Turn

_log = log.get(__name__)

IN_FLIGHT = 4
"""Sources that are polled at the same time: each may hold a large answer in memory."""
STORING = "telemetry"
"""The part of the board that tells that polls wait to be stored; `telemetry/NAME` tells of a source that fails."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a source is to be polled."""

    source: Source
    revision: object
    """Differs whenever anything has changed about how it is to be polled."""
    ask: Callable[[], Awaitable[Poll]]
    """Polls it once; never raises for what is wrong with the source."""


class Polls:
    """Keeps to the timetable. For the reconciler's loop only.

    Args:
        writer: stores polls.
        looks: hears of polls that went well.
        health: hears of sources that fail.
        clock: says what is due; whoever steps it calls `look_again`.
        tell: is called with the name of a source of which there is a new result.
        judge_again: is called when the condition Observed may come out otherwise though the graph is the same.
    """

    def __init__(
        self,
        writer: GraphWriter,
        looks: Looks,
        health: HealthBoard,
        clock: Clock,
        tell: Callable[[str], object],
        judge_again: Callable[[], object],
    ) -> None:
        self._writer = writer
        self._looks = looks
        self._health = health
        self._clock = clock
        self._tell = tell
        self._judge_again = judge_again
        self._plans: dict[str, Plan] = {}
        self._table = Timetable()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._gone: set[str] = set()
        self._wake = asyncio.Event()
        self.results: dict[str, Polled] = {}
        """The last poll of each source under its present spec, of this process."""

    def follow(self, plans: Mapping[str, Plan], existing: Collection[str]) -> None:
        """Poll these from now on, at once what is new or has changed.

        Args:
            plans: by name; a source that exists and is not among them sleeps.
            existing: every source that exists. One that did before is forgotten.
        """
        for name, plan in plans.items():
            known = self._plans.get(name)
            if known is None or known.revision != plan.revision:
                self._end(name)
                self.results.pop(name, None)
                self._table.put(name, plan.source.interval, self._clock.monotonic())
        for name in self._plans.keys() - plans.keys():
            self._end(name)
            self._table.remove(name)
            self._health.clear(board_part(name))
        self._plans = dict(plans)
        self._gone.difference_update(existing)
        self._wake.set()

    def forget(self, names: Collection[str]) -> None:
        """These sources exist no more: what they have shown is taken away."""
        for name in names:
            self.results.pop(name, None)
            self._gone.add(name)
        self._wake.set()

    def look_again(self) -> None:
        """See what is due: the clock was stepped."""
        self._wake.set()

    @property
    def is_resting(self) -> bool:
        """Whether nothing is polled, stored or forgotten at this moment."""
        return not self._running and not self._gone

    async def run(self) -> None:
        """Poll until cancelled; outages are waited out."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._wake.clear()
                self._start(tasks)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._seconds()):
                        await self._wake.wait()

    def _start(self, tasks: asyncio.TaskGroup) -> None:
        """Begin whatever is due, as far as there is room."""
        for name in sorted(self._gone - self._running.keys()):
            self._keep(name, tasks.create_task(self._forget(name)))
        now = self._clock.monotonic()
        while len(self._running) < IN_FLIGHT and (turn := self._table.begin(now, self._running)):
            self._keep(turn.name, tasks.create_task(self._poll(self._plans[turn.name], turn)))

    def _keep(self, name: str, task: asyncio.Task[None]) -> None:
        """Let nothing else be done about a source until this is over, broken off before it began included."""
        self._running[name] = task

        def over(_: asyncio.Task[None]) -> None:
            del self._running[name]
            self._wake.set()

        task.add_done_callback(over)

    def _seconds(self) -> float | None:
        if len(self._running) >= IN_FLIGHT:
            return None
        return self._table.seconds(self._clock.monotonic(), self._running)

    def _end(self, name: str) -> None:
        """Break off the poll under way; what it was about is no more."""
        running = self._running.get(name)
        if running is not None:
            running.cancel()

    async def _poll(self, plan: Plan, turn: Turn) -> None:
        """One turn of one source, whatever happens in it."""
        well = False
        try:
            well = await self._store(plan, await plan.ask())
        except Exception as error:  # noqa: BLE001 - a fault in one source must not stop all the others
            _log.exception("poll.fault", source=turn.name)
            self._health.report(board_part(turn.name), f"servicegraph failed on it: {type(error).__name__}")
        turn.end(self._clock.monotonic(), well=well)

    async def _store(self, plan: Plan, poll: Poll) -> bool:
        """Commit; True when the poll went well. One that Postgres cannot take within an interval is old, and made anew."""
        name, backoff = plan.source.name, Backoff(first=0.2, cap=5.0)
        latest = self._clock.monotonic() + plan.source.interval
        while True:
            try:
                committed = await self._writer.commit(Batch(polls=(poll,)))
            except ServicegraphError as error:
                if error.retry is Retry.NEVER:
                    _log.warning("poll.refused", source=name, reason=error.reason, message=error.message)
                    self._note(poll, PollOutcome(failure=Failure(error.reason, error.message)))
                    return False
                await self._wait(error, backoff)
                if self._clock.monotonic() >= latest:
                    return False
            else:
                self._health.clear(STORING)
                return self._settle(poll, committed)

    def _settle(self, poll: Poll, committed: Committed) -> bool:
        name = poll.source.name
        outcome = committed.polls.get(name)
        if outcome is None:
            return True
        self._note(poll, outcome)
        if outcome.failure is None:
            look = Look(poll.source.sees, poll.at, committed.version)
            if self._looks.note(name, look) and not committed.changed:
                self._judge_again()
        return poll.failure is None

    def _note(self, poll: Poll, outcome: PollOutcome) -> None:
        name = poll.source.name
        # Without its calls: they may be a hundred thousand, and nobody asks for them again.
        result = self.results[name] = Polled(replace(poll, calls={}), outcome)
        if result.failure is None:
            self._health.clear(board_part(name))
        else:
            self._health.report(board_part(name), f"{result.failure.reason}: {result.failure.message}")
        self._tell(name)

    async def _forget(self, name: str) -> None:
        """Take away what a source has shown, unless it comes back meanwhile; outages are waited out."""
        backoff = Backoff(first=0.2, cap=5.0)
        while name in self._gone:
            try:
                await self._writer.commit(Batch(forgotten_sources=(name,)))
            except ServicegraphError as error:
                if error.retry is not Retry.NEVER:
                    await self._wait(error, backoff)
                    continue
                _log.warning("source.not_forgotten", source=name, error=error.message)
            except Exception as error:  # noqa: BLE001 - a fault in one source must not stop all the others
                _log.exception("source.fault", source=name)
                self._health.report(
                    STORING, f"servicegraph failed on forgetting {name}: {type(error).__name__}"
                )
                await asyncio.sleep(backoff.next())
                continue
            else:
                _log.info("source.forgotten", source=name)
                self._health.clear(STORING)
            self._gone.discard(name)

    async def _wait(self, error: ServicegraphError, backoff: Backoff) -> None:
        """Postgres is away: say so, and pause."""
        self._health.report(STORING, f"what telemetry shows waits to be stored: {error.message}")
        await asyncio.sleep(backoff.next())


def board_part(name: str) -> str:
    """The part of the board that tells how a source is."""
    return f"{STORING}/{name}"
