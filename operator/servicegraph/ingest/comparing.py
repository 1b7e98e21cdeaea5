"""What a poll changes: each call that it shows, and each that is stored, held against the other. Pure.

Calls are compared page by page as they are read, so that only those that differ are kept in memory. A steady poll leaves
nothing to write. `ingest.polls` reads and writes; what becomes of one call is decided by `ingest.ageing`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from servicegraph.ingest.ageing import Kept, seen
from servicegraph.model.telemetry import RawCall
from servicegraph.store.sightings import StoredSighting

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import datetime

    from servicegraph.ingest.ageing import Unseen
    from servicegraph.ingest.resolve import Resolver
    from servicegraph.ingest.sighting import Sighting
    from servicegraph.model.ids import ServiceKey

_KEPT = slice(StoredSighting._fields.index("confirmed"), StoredSighting._fields.index("first_seen"))
"""The columns that are the fields of `Kept`."""

EXPIRED = "expired"


class Changed(NamedTuple):
    """A stored call of which something is otherwise now."""

    before: StoredSighting
    after: StoredSighting

    @property
    def has_moved(self) -> bool:
        """Whether its names are read as other services now."""
        return (self.before.source, self.before.target) != (self.after.source, self.after.target)


class Removed(NamedTuple):
    """A stored call that goes."""

    before: StoredSighting
    reason: str


@dataclass(frozen=True, slots=True)
class Differences:
    """All that a poll changes."""

    added: list[StoredSighting] = field(default_factory=list)
    changed: list[Changed] = field(default_factory=list)
    removed: list[Removed] = field(default_factory=list)

    @property
    def loose(self) -> Iterator[int]:
        """Services that lose a call, perhaps their last."""
        moved = (change.before for change in self.changed if change.has_moved)
        for before in (*moved, *(one.before for one in self.removed)):
            yield from (before.source, before.target)

    @property
    def services(self) -> set[int]:
        """Every service that one of these calls joins or has joined."""
        rows = [*self.added, *(one.before for one in self.removed)]
        rows += [row for change in self.changed for row in change]
        return {end for row in rows for end in (row.source, row.target)}

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


class _Missing(NamedTuple):
    """A stored call that the poll does not show, its names read anew."""

    before: StoredSighting
    sighting: Sighting | None
    """None where its key cannot be read; then it stays as it was read last."""


class Comparison:
    """Compares the calls of one poll with those that are stored.

    Args:
        shown: by raw key, all calls of the poll that have a place in the graph.
        waiting: raw keys of those among them that would bring too many new services: what is stored of them stays.
        ids: surrogate keys of the ends of all others.
        resolver: reads anew the names of what is not shown.
        unseen: what becomes of that.
        at: the time of the poll.
    """

    def __init__(
        self,
        shown: Mapping[str, Sighting],
        waiting: Collection[str],
        ids: Mapping[ServiceKey, int],
        resolver: Resolver,
        unseen: Unseen,
        at: datetime,
    ) -> None:
        self._shown = shown
        self._waiting = waiting
        self._ids = dict(ids)
        self._resolver = resolver
        self._unseen = unseen
        self._at = at
        self._stored: set[str] = set()
        self._becomes: dict[tuple[tuple[Any, ...], bool], Kept] = {}
        self._missing: list[_Missing] = []
        self._differences = Differences()

    def look_at(self, page: Iterable[tuple[Any, ...]]) -> None:
        """Compare stored calls, each the values of a `StoredSighting`; what is not shown waits for `finish`."""
        for values in page:
            raw_key = values[0]
            self._stored.add(raw_key)
            sighting = self._shown.get(raw_key)
            if sighting is None:
                self._look_for(StoredSighting._make(values))
            elif raw_key in self._waiting:
                before = StoredSighting._make(values)
                self._note(before, before._replace(**self._seen(values, before.quarantined)._asdict()))
            else:
                after = (
                    raw_key,
                    *self._read(sighting),
                    *self._seen(values, sighting.quarantined),
                    values[-1],
                )
                if after != values:
                    self._note(StoredSighting._make(values), StoredSighting._make(after))

    def _seen(self, values: tuple[Any, ...], quarantined: bool) -> Kept:  # noqa: FBT001 - for each of very many
        """What becomes of a stored call that is shown; nearly all are stored alike, so it is worked out once for each kind."""
        key = (values[_KEPT], quarantined)
        kept = self._becomes.get(key)
        if kept is None:
            kept = seen(Kept(*values[_KEPT]), self._unseen.verdict, quarantined=quarantined)
            self._becomes[key] = kept
        return kept

    def _look_for(self, before: StoredSighting) -> None:
        try:
            sighting = self._resolver.sighting(RawCall.of_key(before.raw_key))
        except ValueError:
            sighting = None
        if isinstance(sighting, str):
            self._differences.removed.append(Removed(before, sighting))
        else:
            self._missing.append(_Missing(before, sighting))

    @property
    def unknown(self) -> dict[str, Sighting]:
        """By raw key, what is not shown and has an end whose surrogate key `learn` is to be given."""
        return {
            one.before.raw_key: one.sighting
            for one in self._missing
            if one.sighting is not None and self._ids_of(one.sighting) is None
        }

    @property
    def left_out(self) -> set[str]:
        """Raw keys of what waits and is not stored either."""
        return set(self._waiting) - self._stored

    def learn(self, ids: Mapping[ServiceKey, int]) -> None:
        """Surrogate keys of ends that were unknown."""
        self._ids |= ids

    @property
    def missing_edges(self) -> set[tuple[int, int]]:
        """The edges of what is not shown."""
        return {self._ends(one) for one in self._missing}

    def finish(self, expected: Mapping[tuple[int, int], float]) -> Differences:
        """All differences; `expected` tells of an edge how many seconds may lie between two of its calls."""
        for one in self._missing:
            source, target = self._ends(one)
            quarantined = one.sighting.quarantined if one.sighting else one.before.quarantined
            kept = self._unseen.aged(
                self._unseen.absent(_kept(one.before), one.before.first_seen),
                quarantined=quarantined,
                expected=expected.get((source, target), 0.0),
            )
            if kept is None:
                self._differences.removed.append(Removed(one.before, EXPIRED))
            elif one.sighting is None or (source, target) != self._ids_of(one.sighting):
                self._note(one.before, _with(one.before, kept)._replace(quarantined=quarantined))
            else:
                self._note(one.before, self._row(one.sighting, kept, one.before.first_seen))
        self._differences.added.extend(
            self._row(sighting, seen(None, self._unseen.verdict, quarantined=sighting.quarantined), self._at)
            for raw_key, sighting in self._shown.items()
            if raw_key not in self._stored and raw_key not in self._waiting
        )
        return self._differences

    def _ends(self, one: _Missing) -> tuple[int, int]:
        """Where a missing call is now; where it was, if it would have to bring a new service that may not come yet."""
        return (one.sighting and self._ids_of(one.sighting)) or (one.before.source, one.before.target)

    def _ids_of(self, sighting: Sighting) -> tuple[int, int] | None:
        source, target = self._ids.get(sighting.source), self._ids.get(sighting.target)
        return None if source is None or target is None else (source, target)

    def _read(self, sighting: Sighting) -> tuple[int, int, int, int, str, bool]:
        """The columns that follow from how the names are read."""
        source, target = self._ids[sighting.source], self._ids[sighting.target]
        return source, target, sighting.evidence, sighting.mode, sighting.why, sighting.quarantined

    def _row(self, sighting: Sighting, kept: Kept, first_seen: datetime) -> StoredSighting:
        return StoredSighting._make((sighting.call.raw_key, *self._read(sighting), *kept, first_seen))

    def _note(self, before: StoredSighting, after: StoredSighting) -> None:
        if after != before:
            self._differences.changed.append(Changed(before, after))


def _kept(row: StoredSighting) -> Kept:
    return Kept(row.confirmed, row.absent_since, row.last_seen, row.stale, row.alertable)


def _with(row: StoredSighting, kept: Kept) -> StoredSighting:
    return row._replace(**kept._asdict())
