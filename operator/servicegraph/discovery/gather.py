"""The calls that one poll has shown, gathered series by series.

Several series of one call are one: `failed` twins and replicas that somebody's own query did not aggregate, other spellings.
`poll` makes one for each poll.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from servicegraph.discovery.clean import Cleaner, Why

if TYPE_CHECKING:
    from servicegraph.discovery.answers import Series
    from servicegraph.discovery.presets import Labels
    from servicegraph.model.telemetry import RawCall


class Gathered:
    """What the series of a poll come to."""

    def __init__(self, labels: Labels) -> None:
        self._cleaner = Cleaner(labels)
        self._volumes: dict[RawCall, float] = {}
        self.series = 0
        self.dropped: Counter[str] = Counter()

    def see(self, series: Series) -> None:
        """A call is there, whatever its value: a counter that reads NaN has been written by a call all the same."""
        self.series += 1
        call = self._cleaner.call(series.labels)
        if isinstance(call, Why):
            self.dropped[call] += 1
        else:
            self._volumes.setdefault(call, 0.0)

    def count(self, series: Series) -> None:
        """So often was it made, where its presence is known."""
        call = self._cleaner.call(series.labels)
        if not isinstance(call, Why) and call in self._volumes:
            self._volumes[call] += _number(series.value)

    def calls(self) -> dict[RawCall, int | None]:
        """Each call with the power of ten of its volume."""
        return {call: power_of_ten(volume) for call, volume in self._volumes.items()}


def power_of_ten(volume: float) -> int | None:
    """0 for up to 9 calls, 1 for 10 to 99, …; None where nothing was counted.

    `increase` extrapolates, so one call may read 0.7, and it reads 0 for the first call of a series, which says nothing.
    """
    return max(math.floor(math.log10(volume)), 0) if volume > 0 else None


def _number(text: str) -> float:
    """What Prometheus wrote as a value; 0 for what counts nothing."""
    try:
        number = float(text)
    except ValueError:
        return 0.0
    return number if math.isfinite(number) and number > 0 else 0.0
