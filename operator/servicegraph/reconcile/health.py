"""What works and what does not in this process, for `/readyz` and `/healthz`.

Each part reports its own trouble in words and takes it back when it is over. Nothing here decides anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicegraph import log
from servicegraph.clock import Clock, SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

_log = log.get(__name__)


class HealthBoard:
    """The parts of this process that are unwell; implements `model.ports.Health`."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._since: dict[str, float] = {}
        self._troubles: dict[str, str] = {}
        self._questions: dict[str, Callable[[], str | None]] = {}
        self._beyond_help = ""

    def alive(self) -> bool:
        """False once only a restart of the process can help."""
        return not self._beyond_help

    def degraded(self) -> dict[str, str]:
        """The parts that do not work now, and what is wrong with each."""
        answers = {part: question() for part, question in self._questions.items()}
        troubles = {part: answer for part, answer in answers.items() if answer} | self._troubles
        if self._beyond_help:
            troubles["process"] = self._beyond_help
        return troubles

    def ask(self, part: str, question: Callable[[], str | None]) -> None:
        """Have `question()` asked how `part` is whenever somebody wants to know; None means well."""
        self._questions[part] = question

    def report(self, part: str, trouble: str) -> None:
        """Say that `part` does not work and why; logged when it is news."""
        if self._troubles.get(part) != trouble:
            _log.warning("health.degraded", part=part, trouble=trouble)
        self._troubles[part] = trouble
        self._since.setdefault(part, self._clock.monotonic())

    def clear(self, part: str) -> None:
        """Say that `part` works (again)."""
        self._since.pop(part, None)
        if self._troubles.pop(part, None) is not None:
            _log.info("health.recovered", part=part)

    def seconds(self, part: str) -> float | None:
        """For how many seconds `part` has been reported as unwell; None while it works."""
        since = self._since.get(part)
        return None if since is None else self._clock.monotonic() - since

    def give_up(self, why: str) -> None:
        """Say that only a restart of the process can help."""
        _log.error("health.beyond_help", reason=why)
        self._beyond_help = why
