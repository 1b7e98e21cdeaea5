"""How fast something may be done: a token bucket as plain arithmetic."""

from __future__ import annotations


class Pace:
    """At most `per_second` turns a second, and at first a second's worth at once."""

    def __init__(self, per_second: float) -> None:
        self._gap = 1.0 / per_second
        self._burst = max(1.0, per_second)
        self._booked_until = float("-inf")

    def book(self, now: float) -> float:
        """Take the next turn; the answer is how many seconds after `now` it comes."""
        earliest = now - (self._burst - 1) * self._gap
        turn = max(self._booked_until + self._gap, earliest)
        self._booked_until = turn
        return max(0.0, turn - now)
