"""Keeps the parts of an environment running.

It starts them in order, starts again what dies, and stops them in reverse order.
"""

from __future__ import annotations

import os
import select
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from servicegraph.errors import PartFailed
from servicegraph.local.process import Process

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from servicegraph.local.process import Command
    from servicegraph.local.progress import Progress

_CALM_SECONDS = 5  # who lived longer than this was up and running, and is started again at once
_LONGEST_DELAY_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Part:
    """One program of the environment.

    Attributes:
        command: how to run it.
        is_ready: whether it serves.
        seconds: how long it may take until it does.
    """

    command: Command
    is_ready: Callable[[], bool]
    seconds: float = 60


@dataclass(slots=True)
class _Watched:
    part: Part
    process: Process | None
    deaths: int = 0
    due: float = 0  # when to start it again, on the monotonic clock; counts while there is no process


@dataclass(slots=True)
class Supervisor:
    """Runs parts until it is told to stop.

    Attributes:
        progress: who hears of starts and deaths.
    """

    progress: Progress
    _watched: list[_Watched] = field(default_factory=list)

    def start(self, part: Part) -> Process:
        """Start a part and wait until it is ready.

        Raises:
            PartFailed: it ended first or took too long; the last lines of its log are in the message.
        """
        self.progress.step(f"Starting {part.command.name}")
        process = Process(part.command)
        self._watched.append(_Watched(part, process))
        process.await_ready(part.is_ready, part.seconds)
        return process

    def give_up(self, part: Part) -> None:
        """Stop a part, and start it no more."""
        for watched in [one for one in self._watched if one.part is part]:
            self._watched.remove(watched)
            if watched.process is not None:
                watched.process.stop()

    def watch(self, bell: int, answer: Callable[[], None]) -> NoReturn:
        """Start again whatever dies, and `answer` whenever a byte comes through the descriptor `bell`.

        Ends by an exception, such as a signal handler's.
        """
        while True:
            running = [watched.process for watched in self._watched if watched.process is not None]
            waiting = [watched.due for watched in self._watched if watched.process is None]
            timeout = max(0.0, min(waiting) - time.monotonic()) if waiting else None
            waited_for: list[int | Process] = [bell, *running]
            readable = select.select(waited_for, [], [], timeout)[0]
            if bell in readable:
                os.read(bell, 1)
                answer()
            for watched in self._watched:
                if watched.process in readable:
                    self._bury(watched)
                if watched.process is None and time.monotonic() >= watched.due:
                    self._revive(watched)

    def stop(self) -> None:
        """Stop all parts, the last started first."""
        while self._watched:
            watched = self._watched.pop()
            if watched.process is not None:
                self.progress.step(f"Stopping {watched.part.command.name}")
                watched.process.stop()

    def _bury(self, watched: _Watched) -> None:
        dead = watched.process
        assert dead is not None
        now = time.monotonic()
        watched.deaths = watched.deaths + 1 if now - dead.started < _CALM_SECONDS else 1
        seconds = delay(watched.deaths)
        watched.process, watched.due = None, now + seconds
        self.progress.note(f"{dead.obituary()}; it is started again in {seconds:g} s\n{dead.tail()}")
        dead.stop()

    def _revive(self, watched: _Watched) -> None:
        name = watched.part.command.name
        try:
            watched.process = Process(watched.part.command)
        except (OSError, PartFailed) as error:  # the machine is out of processes, memory or disk
            watched.deaths += 1
            watched.due = time.monotonic() + delay(watched.deaths)
            self.progress.note(f"{name} cannot be started: {error}")
        else:
            self.progress.note(f"{name} runs again as process {watched.process.pid}")


def delay(deaths: int) -> float:
    """Seconds to wait before a part is started again that has died `deaths` times, each time soon after its start.

    The first time at once, so that one crash is over within a second; then ever longer, so that a part that
    cannot run does not keep the machine busy.
    """
    return 0.0 if deaths <= 1 else min(_LONGEST_DELAY_SECONDS, 0.25 * 2.0 ** min(deaths - 2, 16))
