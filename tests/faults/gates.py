"""A gate across a way: counts what passes, and stops the one that a test has asked for.

The test arms the gate, waits until somebody stands in front of it, kills what it wants to kill, and opens it again. Who stood
there is turned away, never let through: the other side is dead, and what it had not yet said must stay unsaid.
"""

from __future__ import annotations

import asyncio
import threading
from enum import Enum


class Moment(Enum):
    """Where the gate stops somebody."""

    BEFORE = "before"  # what was asked for has not been done
    AFTER = "after"  # it has been done, and whoever asked does not know


class TurnedAway(ConnectionError):
    """The gate was opened; whoever stood in front of it does not go on."""


class Gate:
    """Passages are counted from 1 since the last `arm` or `count_anew`."""

    def __init__(self) -> None:
        self.passed = 0
        """How many have come to the gate."""
        self.reached = threading.Event()
        """Set while somebody stands at the gate, or has since it was armed."""
        self._stop: tuple[int, Moment] | None = None
        self._open = asyncio.Event()
        self._open.set()

    def arm(self, number: int, moment: Moment) -> None:
        """Count anew, and stop passage `number`. In the gate's own loop only."""
        self.passed = 0
        self.reached.clear()
        self._open.clear()
        self._stop = (number, moment)

    def open(self) -> None:
        """Count anew, turn away who stands there, and let the next pass. In the gate's own loop only."""
        self.passed = 0
        self._stop = None
        self._open.set()

    def come(self) -> int:
        """Take a number; to be called before `before` and `after`."""
        self.passed += 1
        return self.passed

    async def before(self, number: int) -> None:
        """Stand here before it is done.

        Raises:
            TurnedAway: the gate was closed.
        """
        await self._stand(number, Moment.BEFORE)

    async def after(self, number: int) -> None:
        """Stand here after it was done.

        Raises:
            TurnedAway: the gate was closed.
        """
        await self._stand(number, Moment.AFTER)

    async def _stand(self, number: int, moment: Moment) -> None:
        if self._stop == (number, moment):
            self.reached.set()
            await self._open.wait()
            raise TurnedAway
