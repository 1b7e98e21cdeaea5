"""What a batch means for the objects that are stored: which are new, which moved, which are gone. Pure.

Kubernetes never gives a uid twice, and of two objects under one name the younger is the one that exists: the older one's
deletion was missed, or its news is late. Called by `ingest.commit` with what it has read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from servicegraph.ingest.rows import digest
from servicegraph.model.observation import DeclaredObject, StalledObject
from servicegraph.store.objects import StoredObject

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from servicegraph.ingest.batch import Batch

UNDECLARED = "undeclared"
"""Why a fact is removed whose object is still there."""

REPLACED = "replaced"
"""Why an object is gone whose name another one has now."""


class Living(NamedTuple):
    """An object that exists: what it says now, and how it is stored."""

    said: DeclaredObject | StalledObject
    stored: StoredObject | None
    digest: bytes | None
    """Of all that it says; None when it cannot be accepted."""

    def row(self, version: int) -> StoredObject:
        """How it is to be stored when `version` holds what it says; equal to `stored` when nothing is to be written.

        The stored version tells since when this generation is stored: it stays where the generation stays.
        """
        said, before = self.said, self.stored
        why = _problem(said) if isinstance(said, StalledObject) else None
        if before is None:
            known_since = version if why is None else None
            return StoredObject(
                0,
                said.uid,
                said.namespace,
                said.name,
                said.generation,
                said.created_at,
                known_since,
                why,
                self.digest,
            )
        if why is not None:
            return before._replace(generation=said.generation, problem=why)
        if (before.generation, before.problem) != (said.generation, None):
            return before._replace(
                generation=said.generation, problem=None, stored_version=version, digest=self.digest
            )
        return before if before.digest == self.digest else before._replace(digest=self.digest)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with the objects of one batch."""

    gone: tuple[tuple[StoredObject, str], ...]
    """Stored objects that exist no more, each with the reason."""
    living: tuple[Living, ...]

    @property
    def restated(self) -> list[Living]:
        """Objects that were stored before and say something else now. What cannot be accepted says nothing."""
        return [one for one in self.living if one.stored and one.digest and one.digest != one.stored.digest]


def decide(batch: Batch, known: Iterable[StoredObject]) -> Decision:
    """Compare a batch with the stored objects that share a uid or a name with it.

    Raises:
        StoreRefused: what an object says cannot be written as JSON.
    """
    stored = {one.uid: one for one in known}
    removed = {one.uid: one.reason for one in batch.removed}
    gone = {uid: reason for uid, reason in removed.items() if uid in stored}
    youngest = _youngest(batch, removed)
    # A stored object that is among these holds its own name.
    others = stored.keys() - removed.keys() - {said.uid for said in youngest}
    holders = {(one.namespace, one.name): one for one in map(stored.__getitem__, others)}
    living: list[Living] = []
    for said in youngest:
        before = stored.get(said.uid)
        if before is None and (holder := holders.get((said.namespace, said.name))) is not None:
            if said.created_at < holder.created_at:
                continue
            gone[holder.uid] = REPLACED
        living.append(Living(said, before, digest(said) if isinstance(said, DeclaredObject) else None))
    return Decision(tuple((stored[uid], reason) for uid, reason in gone.items()), tuple(living))


def _problem(said: StalledObject) -> str:
    """How the reason for which an object is not accepted is stored; what Postgres could not store is spelled out."""
    text = f"{said.reason}: {said.message}".replace("\x00", "\\x00")
    return text.encode("utf-8", "backslashreplace").decode()


def _youngest(batch: Batch, removed: dict[str, str]) -> Collection[DeclaredObject | StalledObject]:
    """Of the objects of a batch that still exist, one for each name; of two as old as each other, the later said."""
    living: dict[tuple[str, str], DeclaredObject | StalledObject] = {}
    everyone: list[DeclaredObject | StalledObject] = [*batch.objects, *batch.stalled]
    for said in everyone:
        rival = living.get((said.namespace, said.name))
        if said.uid not in removed and (rival is None or said.created_at >= rival.created_at):
            living[said.namespace, said.name] = said
    return living.values()
