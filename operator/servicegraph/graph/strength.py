"""How strongly an edge ties its ends: what makes a circle of such edges dangerous, and the edge hard to give up.

The one place that reads mode and requirement for circles. `graph.severity` asks which strengths a circle has, `graph.cuts`
what the removal of an edge costs.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from servicegraph.model.vocabulary import Mode

if TYPE_CHECKING:
    import numpy.typing as npt


class Strength(IntEnum):
    """From the loosest to the tightest."""

    ASYNC = 0
    SYNC_UNKNOWN = 1
    SYNC_SOFT = 2
    SYNC_HARD = 3

    @property
    def words(self) -> str:
        """Why it costs what it costs to remove such an edge, for people."""
        return ("Async", "unknown requirement", "Soft", "Sync and Hard")[self]


COST = np.array([1, 2, 2, 5])
"""What the removal of an edge costs, by `Strength`: an Async edge is easy to give up, one that is Sync and Hard is not."""


def strength_of(mode: npt.NDArray[np.int8], requirement: npt.NDArray[np.int8]) -> npt.NDArray[np.uint8]:
    """The `Strength` of edges; no mode counts as Sync.

    Among Sync edges the strengths come in the order of `Requirement`, so a sum does where a table would be looked up.
    """
    strength: npt.NDArray[np.int8] = (requirement + np.int8(Strength.SYNC_UNKNOWN)) * (mode != Mode.ASYNC)
    return strength.view(np.uint8)
