"""Finds a watch that has gone deaf: one that for a minute has delivered nothing of what a list shows.

Such a watch looks alive from inside: its connection is open and nothing comes. `resync` says what a list showed; `Watch` hears
of the verdict through the event `restart_watch`.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from servicegraph.reconcile.health import HealthBoard
    from servicegraph.reconcile.objects import Objects

SECONDS = 60.0
"""How long the watch may take to deliver what a list shows, or some of it where that is much."""
_HELPLESS = 3
"""Restarts of a deaf watch, one after another, before only a restart of the process is left."""


class Deafness:
    """Suspects, waits, judges. For the reconciler's loop only."""

    def __init__(
        self,
        objects: Objects,
        health: HealthBoard,
        restart_watch: asyncio.Event,
        compare_again: Callable[[], None],
    ) -> None:
        self._objects = objects
        self._health = health
        self._restart_watch = restart_watch
        self._compare_again = compare_again
        self._unheard: dict[str, int] = {}
        self._suspected = asyncio.Event()
        self._deaf_in_a_row = 0

    def suspect(self, unheard: Mapping[str, int]) -> None:
        """Give the watch its minute to deliver these generations, by uid, unless an earlier suspicion is still open.

        Nothing unheard is an acquittal: a watch that was started anew may have told everything before this comparison.
        """
        if self._suspected.is_set():
            return
        if unheard:
            self._unheard = dict(unheard)
            self._suspected.set()
        else:
            self._judge(0)

    async def run(self) -> None:
        """Judge suspicion after suspicion until cancelled."""
        while True:
            await self._suspected.wait()
            while await self._delivers():
                pass
            self._suspected.clear()
            self._judge(len(self._unheard))

    async def _delivers(self) -> bool:
        """Wait a minute for what is unheard; True when some of it came and some is left, as in a long first list."""
        before = len(self._unheard)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SECONDS):
                # One after another: looking through all of them at each word would take a square of their number.
                for uid in self._unheard:
                    while self._is_missing(uid):
                        await self._objects.next_word()
        self._unheard = {uid: wanted for uid, wanted in self._unheard.items() if self._is_missing(uid)}
        return 0 < len(self._unheard) < before

    def _is_missing(self, uid: str) -> bool:
        """Whether this object exists and the watch has not told of it yet."""
        return uid in self._objects.live and self._objects.heard.get(uid, 0) < self._unheard[uid]

    def _judge(self, missing: int) -> None:
        """Restart a watch that still has not said what the list showed."""
        if not missing:
            self._deaf_in_a_row = 0
            self._health.clear("watch")
            return
        self._deaf_in_a_row += 1
        self._health.report(
            "watch", f"the watch did not deliver {missing} changes that a list shows; it is started anew"
        )
        if self._deaf_in_a_row > _HELPLESS:
            self._health.give_up(f"the watch stayed deaf through {_HELPLESS} restarts while lists work")
        self._restart_watch.set()
        self._compare_again()
