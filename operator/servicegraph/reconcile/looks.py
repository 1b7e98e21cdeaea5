"""Until when each source of telemetry has looked, with success: what the condition `Observed` is judged by.

A poll that went well counts from the graph version on that it is part of. Before, an edge that it has just shown would be
called missing by a graph that does not hold it yet. `polls` notes the looks, `report` asks for them with the version that it
reports by.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from servicegraph.checks.observing import Watcher

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from servicegraph.model.ids import Kind


@dataclass(frozen=True, slots=True)
class Look:
    """A poll that went well, or that none has yet."""

    sees: frozenset[Kind]
    at: datetime | None
    version: int
    """The graph version that was current once it was stored."""


class Looks:
    """The looks of all sources. For the reconciler's loop only."""

    def __init__(self) -> None:
        self._looks: dict[str, list[Look]] | None = None

    def begin(self, stored: Mapping[str, Look]) -> None:
        """It is known which sources exist, and what is stored of each that has been polled before."""
        self._looks = {name: [look] for name, look in stored.items()}

    def keep(self, names: Collection[str], sees: Mapping[str, frozenset[Kind]]) -> None:
        """These sources exist, and no others; `sees` says of those that can be polled what they show."""
        before = self._looks or {}
        self._looks = {name: before[name] for name in names if name in before}
        for name, kinds in sees.items():
            looks = self._looks.get(name)
            # What never went well has not told yet what it shows: its spec does.
            if looks is None or looks[-1].at is None:
                self._looks[name] = [Look(kinds, None, 0)]

    def note(self, name: str, look: Look) -> bool:
        """A poll went well and is stored; True where objects may be judged otherwise now, though the graph is the same."""
        looks = (self._looks or {}).get(name)
        if looks is None:
            return False
        moved = looks[-1].at is None or looks[-1].version != look.version
        if moved:
            # The one that counts, and the newest; one in between is not worth waiting for.
            looks[1:] = [look]
        else:
            looks[-1] = look
        return moved

    def watchers(self, version: int) -> tuple[Watcher, ...] | None:
        """The sources as of this graph version; None until it is known which there are."""
        if self._looks is None:
            return None
        for looks in self._looks.values():
            if looks[-1].version <= version:
                del looks[:-1]
        return tuple(Watcher(looks[0].sees, looks[0].at) for looks in self._looks.values())
