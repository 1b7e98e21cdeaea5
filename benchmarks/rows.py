"""A row of the table: what we do against what it is measured by, both in one run, and whether the ratio is reached."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

REACHED, NOT_REACHED = "ok", "missed"


@dataclass(frozen=True, slots=True)
class Row:
    """One measured ratio; smaller is better."""

    what: str
    size: str
    ours: str
    measure: str
    """What ours is measured by, with its value."""
    ratio: float
    limit: float

    @property
    def reached(self) -> bool:
        """Whether the ratio is within the limit."""
        return self.ratio <= self.limit

    def __str__(self) -> str:
        verdict = REACHED if self.reached else NOT_REACHED
        return (
            f"{self.what:<46} {self.size:>9} {self.ours:>12} {self.measure:>32} "
            f"{self.ratio:>7.2f} {self.limit:>6.2f}  {verdict}"
        )


HEADING = f"{'what':<46} {'size':>9} {'ours':>12} {'measured by':>32} {'ratio':>7} {'limit':>6}"


def seconds(work: Callable[[], object], other: Callable[[], object], rounds: int = 5) -> tuple[float, float]:
    """The median seconds of both, taken in turns so that a slow moment of the machine meets both."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for one, times in zip((work, other), taken, strict=True):
            gc.collect()
            start = perf_counter()
            one()
            times.append(perf_counter() - start)
    return median(taken[0]), median(taken[1])


def shown(value: float) -> str:
    """Seconds as people read them."""
    return f"{value * 1e6:.1f} µs" if value < 1e-3 else f"{value * 1e3:.1f} ms"
