"""The one source of time.

Answers must not change because time passes, so nothing but the composition (`cli`) and the scheduler asks for the time, and
both are handed a `Clock`. Tests hand in a `SteppedClock`, or give a child process a fixed offset.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What may be asked about time."""

    def now(self) -> datetime:
        """Wall-clock time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back, for measuring spans."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's clock, shifted by `offset` (zero outside tests of child processes)."""

    offset: timedelta = timedelta(0)

    def now(self) -> datetime:
        """Wall-clock time plus the offset, in UTC."""
        return datetime.now(UTC) + self.offset

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()


@dataclass(slots=True)
class SteppedClock:
    """A clock that moves only when it is told to."""

    at: datetime = field(default_factory=lambda: datetime(2026, 1, 1, tzinfo=UTC))

    def now(self) -> datetime:
        """The time it was last set to."""
        return self.at

    def monotonic(self) -> float:
        """The same time as seconds."""
        return self.at.timestamp()

    def step(self, by: timedelta) -> None:
        """Move forward by `by`."""
        self.at += by


def pause(failures: int, first: float, longest: float) -> float:
    """Seconds to wait before the next attempt, after so many failed before the last one.

    From `first` doubling up to `longest`, shifted by up to 20 %, so that not all who wait come back at once.
    """
    # The exponent is bounded so that a long outage cannot make the number overflow.
    return min(first * 2.0 ** min(failures, 32), longest) * random.uniform(0.8, 1.2)  # noqa: S311 - guards nothing
