"""When which source of telemetry is polled next: a decision by clock readings alone, which `polls` carries out.

A source that is new or changed is due at once. After a poll that went well it is due again one interval after that poll began,
and up to a tenth later, so that sources with one interval drift apart; never earlier, for what ages and what is written counts
on it. After one that failed it is due sooner: after a few seconds, then ever more rarely, never more rarely than its interval.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from servicegraph.reconcile.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Container

FIRST_PAUSE_SECONDS = 5.0
"""After a first failure, for intervals that are longer."""
_SPREAD = 0.1


@dataclass(slots=True)
class Turn:
    """The turns of one source under one spec; another spec gets another."""

    name: str
    interval: float
    due: float
    began: float
    backoff: Backoff

    def end(self, now: float, *, well: bool) -> None:
        """Its poll is over."""
        if well:
            self.backoff.reset()
            wait = self.interval * (1 + _SPREAD * random.random())  # noqa: S311 - spreads load, guards nothing
            self.due = max(now, self.began + wait)
        else:
            self.due = now + min(self.backoff.next(), self.interval)


class Timetable:
    """The turns of all sources. All times are readings of one monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._turns: dict[str, Turn] = {}

    def put(self, name: str, interval: float, now: float) -> None:
        """A source is new or has changed: it is due now, whatever has become of it before."""
        self._turns[name] = Turn(name, interval, now, now, Backoff(FIRST_PAUSE_SECONDS, interval))

    def remove(self, name: str) -> None:
        """A source is not polled any more."""
        self._turns.pop(name, None)

    def begin(self, now: float, busy: Container[str]) -> Turn | None:
        """The source that has been due for longest begins its turn; None where none is due but those that are `busy`."""
        due = [turn for turn in self._turns.values() if turn.due <= now and turn.name not in busy]
        if not due:
            return None
        first = min(due, key=lambda turn: (turn.due, turn.name))
        first.began = now
        return first

    def seconds(self, now: float, busy: Container[str]) -> float | None:
        """How long until the next source is due; None where there is none but those that are `busy`."""
        waits = [turn.due - now for turn in self._turns.values() if turn.name not in busy]
        return max(0.0, min(waits)) if waits else None
