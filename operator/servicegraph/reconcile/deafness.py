"""Finds a watch that has gone deaf: one that within a minute has not delivered what a list shows.

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
"""How long the watch may take to deliver what a list shows."""
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
        """Give the watch its minute to deliver these generations, by uid, unless an earlier suspicion is still open."""
        if unheard and not self._suspected.is_set():
            self._unheard = dict(unheard)
            self._suspected.set()

    async def run(self) -> None:
        """Judge suspicion after suspicion until cancelled."""
        while True:
            await self._suspected.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SECONDS):
                    while self._missing():
                        await self._objects.next_word()
            self._suspected.clear()
            self._judge(self._missing())

    def _missing(self) -> list[str]:
        """The suspected objects that exist and that the watch has not told of yet."""
        heard = self._objects.heard
        return [
            uid
            for uid, generation in self._unheard.items()
            if uid in self._objects.live and heard.get(uid, 0) < generation
        ]

    def _judge(self, missing: list[str]) -> None:
        """Restart a watch that still has not said what the list showed."""
        if not missing:
            self._deaf_in_a_row = 0
            self._health.clear("watch")
            return
        self._deaf_in_a_row += 1
        self._health.report(
            "watch", f"the watch did not deliver {len(missing)} changes that a list shows; it is started anew"
        )
        if self._deaf_in_a_row > _HELPLESS:
            self._health.give_up(f"the watch stayed deaf through {_HELPLESS} restarts while lists work")
        self._restart_watch.set()
        self._compare_again()
