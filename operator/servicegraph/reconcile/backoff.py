"""How long to wait before trying again: doubling, capped, jittered."""

from __future__ import annotations

import random


class Backoff:
    """Seconds between attempts, from `first` doubling up to `cap`, each shifted by up to 20 %."""

    def __init__(self, first: float, cap: float) -> None:
        self._first = first
        self._cap = cap
        self._failures = 0

    def next(self) -> float:
        """Seconds to wait now; the next answer is longer."""
        # The exponent is bounded so that a long outage cannot make the number overflow.
        delay = min(self._first * 2.0 ** min(self._failures, 32), self._cap)
        self._failures += 1
        return delay * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load, guards nothing

    def reset(self) -> None:
        """An attempt has succeeded."""
        self._failures = 0
