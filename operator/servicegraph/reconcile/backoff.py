"""How long to wait before trying again, for those who count their failures one after another."""

from __future__ import annotations

from servicegraph.clock import pause


class Backoff:
    """Seconds between attempts, from `first` doubling up to `cap`, each shifted by up to 20 %."""

    def __init__(self, first: float, cap: float) -> None:
        self._first = first
        self._cap = cap
        self._failures = 0

    def next(self) -> float:
        """Seconds to wait now; the next answer is longer."""
        self._failures += 1
        return pause(self._failures - 1, self._first, self._cap)

    def reset(self) -> None:
        """An attempt has succeeded."""
        self._failures = 0
