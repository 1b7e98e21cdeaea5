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
ROUNDS = 5


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
            f"{self.what:<40} {self.size:>9} {self.ours:>10} {self.measure:>32} "
            f"{self.ratio:>8.3f} {self.limit:>6.2f}  {verdict}"
        )


HEADING = f"{'what':<40} {'size':>9} {'ours':>10} {'measured by':>32} {'ratio':>8} {'limit':>6}"


def nothing() -> None:
    """Needs no preparation."""


@dataclass(frozen=True, slots=True)
class Work:
    """Something whose seconds are measured, and what has to be done before, which is not."""

    do: Callable[[], object]
    before: Callable[[], object] = nothing


def seconds(*works: Work, rounds: int = ROUNDS) -> tuple[float, ...]:
    """The median seconds of each, taken in turns so that a slow moment of the machine meets all."""
    taken: list[list[float]] = [[] for _ in works]
    gc.collect()
    gc.freeze()  # what lives already is no garbage of what is measured
    for _ in range(rounds):
        for work, times in zip(works, taken, strict=True):
            work.before()
            gc.collect()
            start = perf_counter()
            work.do()
            times.append(perf_counter() - start)
    gc.unfreeze()
    return tuple(map(median, taken))


def shown(value: float) -> str:
    """Seconds as people read them."""
    for unit, name in ((1e-6, "ns"), (1e-3, "µs"), (1.0, "ms")):
        if value < unit:
            return f"{value / unit * 1e3:.1f} {name}"
    return f"{value:.2f} s"
