"""The running product as the checkers see it from outside, and what they answer with."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from oracle.fold import Folded, fold
from oracle.history import History

if TYPE_CHECKING:
    from collections.abc import Callable

    from oracle.bodies import Body
    from oracle.readings import Recorder

PATIENCE = 30.0
"""Seconds that a system may take to come to rest."""


class Violation(NamedTuple):
    """An invariant that does not hold, and where it can be seen."""

    invariant: str
    what: str


@dataclass
class System:
    """A running product as it can be seen from outside, and all that was told to it."""

    database_url: str
    server: Recorder
    list_objects: Callable[[], list[Body]]
    """The ServiceDependency objects that the product watches, as the API server shows them."""
    observations: list[dict[str, Any]] = field(default_factory=list)
    history: History = field(default_factory=History)

    def look(self) -> Folded:
        """Note what objects there are now, and fold it all."""
        self.history.show_all(self.list_objects())
        return fold(self.history.told(), self.observations, datetime.now(UTC))


def until_none(check: Callable[[], list[Violation]], patience: float = PATIENCE) -> list[Violation]:
    """Ask again and again until there is no violation; after `patience` seconds, those that are left."""
    deadline = time.monotonic() + patience
    while found := check():
        if time.monotonic() > deadline:
            return found
        time.sleep(0.05)
    return []
