"""The closed lists of words that edges carry, and the small numbers that stand for them in columns.

The numbers are stored in Postgres and held in arrays, so they never change their meaning; 0 is always "nothing said".
"""

from __future__ import annotations

from enum import IntEnum, IntFlag


class Mode(IntEnum):
    """Whether the caller waits for the answer."""

    UNSET = 0
    SYNC = 1
    ASYNC = 2

    @property
    def word(self) -> str | None:
        """The word of the contract: Sync, Async, or None for nothing said."""
        return self.name.capitalize() if self else None


class Requirement(IntEnum):
    """Whether a failed call fails the caller."""

    UNSET = 0
    SOFT = 1
    HARD = 2

    @property
    def word(self) -> str | None:
        """The word of the contract: Soft, Hard, or None for nothing said."""
        return self.name.capitalize() if self else None


class Evidence(IntEnum):
    """How an edge is known, best first; attributes follow the same order."""

    DECLARED = 1
    API = 2
    BOTH_ENDS = 3
    ONE_END = 4
    FLOW = 5


WEIGHT: dict[Evidence, float] = {
    Evidence.DECLARED: 0.95,
    Evidence.API: 0.90,
    Evidence.BOTH_ENDS: 0.85,
    Evidence.ONE_END: 0.60,
    Evidence.FLOW: 0.50,
}
"""The confidence that one piece of evidence alone gives; several combine as 1 - prod(1 - w)."""


class Flag(IntFlag):
    """What holds of an observation, held as bits; stored as columns of booleans, OPTIONAL within the details."""

    PRESENT = 1
    CONFIRMED = 2
    STALE = 4
    QUARANTINED = 8
    ALERTABLE = 16
    ACCEPTED = 32
    OPTIONAL = 64
