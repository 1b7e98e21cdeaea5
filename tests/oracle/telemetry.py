"""What polls of telemetry must make of the graph, told once more: from calls by raw names to observations as `fold` takes them.

Slow and plain on purpose, and it imports nothing of the product. Only its own past decides what a poll of a source means, and
only what is declared at that moment how names are read (`oracle.names`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from oracle.names import Names, Raw, Read

if TYPE_CHECKING:
    from collections.abc import Collection

    from oracle.bodies import Body

DAY = 86400.0
ENOUGH = 20
"""Edges a source must have for its losses to count as sudden."""


class Ages(NamedTuple):
    """After how many healthy seconds of absence a call is stale, how many more until it is forgotten, and in no circle."""

    stale: float
    retention: float
    alertable: float


class Shown(NamedTuple):
    """One poll."""

    at: float
    """Seconds on any clock, which may go back."""
    calls: frozenset[Raw] = frozenset()
    failed: bool = False
    """It may bring calls all the same."""


@dataclass
class Call:
    """What is known of a call."""

    read: Read
    confirmed: bool = False
    absent: float | None = None
    """The healthy time of its source when it was first missed; None while it is seen."""
    stale: bool = False
    alertable: bool = False


@dataclass
class Source:
    """One source of telemetry, and how it has fared."""

    name: str
    url: str
    interval: float
    healthy: float = 0.0
    last: float | None = None
    good: float | None = None
    usual: int = 0
    held: float | None = None
    """For how long much less is seen; None while it is not."""
    calls: dict[Raw, Call] = field(default_factory=dict)

    def poll(self, shown: Shown, objects: Collection[Body], ages: Ages) -> None:
        """Take in a poll; `objects` are those that exist, each as it was last accepted."""
        if shown.at == self.last:
            return
        names = Names(objects)
        seen = {raw: read for raw in shown.calls if not is_self(read := names.read(raw))}
        trusted = sum(not read.quarantined for read in seen.values())
        believed = not shown.failed and self._believes(shown.at, trusted)
        if believed:
            self.healthy += self._passed(self.good, shown.at)
            self.good, self.usual, self.held = shown.at, trusted, None
        self.last = shown.at
        if shown.calls or believed:
            self._see(seen)
            self._miss(seen, names, believed=believed)
            self._age(names, ages, believed=believed)

    def _see(self, seen: dict[Raw, Read]) -> None:
        for raw, read in seen.items():
            if raw not in self.calls:
                self.calls[raw] = Call(read)
                continue
            known = self.calls[raw]
            known.confirmed |= known.absent is None
            known.read, known.absent = read, None

    def _miss(self, seen: Collection[Raw], names: Names, *, believed: bool) -> None:
        for raw in self.calls.keys() - seen:
            self.calls[raw].read = names.read(raw)
            if is_self(self.calls[raw].read):
                del self.calls[raw]
            elif believed and self.calls[raw].absent is None:
                self.calls[raw].absent = self.healthy

    def _age(self, names: Names, ages: Ages, *, believed: bool) -> None:
        for raw, call in [*self.calls.items()]:
            gone = -1.0 if call.absent is None else self.healthy - call.absent
            fresh = max(ages.stale, 2 * names.expected(call.read))
            call.stale = gone >= fresh
            in_time = gone <= ages.alertable and not call.stale
            call.alertable = call.confirmed and in_time and not call.read.quarantined
            if believed and gone >= fresh + ages.retention:
                del self.calls[raw]

    def _believes(self, at: float, trusted: int) -> bool:
        """Whether so few calls are believed: more than half of them may not go at once, unless that holds for a day."""
        if self.usual < ENOUGH or trusted * 2 >= self.usual:
            return True
        self.held = 0.0 if self.held is None else self.held + self._passed(self.last, at)
        return self.held >= DAY

    def _passed(self, since: float | None, at: float) -> float:
        return 0.0 if since is None else min(max(0.0, at - since), 2 * self.interval)

    def observations(self) -> list[dict[str, Any]]:
        """All that is known of calls, as `fold` takes it: of two words on one call the synchronous one counts first."""
        ordered = sorted(self.calls.items(), key=lambda known: _mode(known[0]) == "Async")
        return [
            {
                "provider": self.name,
                "group": self.url,
                "source": call.read.source,
                "target": call.read.target,
                "class": _evidence(raw),
                "mode": _mode(raw),
                "present": call.absent is None,
                "confirmed": call.confirmed,
                "stale": call.stale,
                "quarantined": call.read.quarantined,
                "alertable": call.alertable,
            }
            for raw, call in ordered
        ]


def is_self(read: Read) -> bool:
    """Whether it is a call to itself."""
    return read.source == read.target


def _mode(raw: Raw) -> str:
    return "Async" if raw.connection == "messaging_system" else "Sync"


def _evidence(raw: Raw) -> str:
    return "one end" if raw.virtual or raw.connection in {"database", "virtual_node"} else "both ends"
