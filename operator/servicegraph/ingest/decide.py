"""What a batch means for the objects that are stored: which are new, which moved, which are gone. Pure.

Kubernetes never gives a uid twice, and of two objects under one name the younger is the one that exists: the older one's
deletion was missed, or its news is late. Called by `ingest.commit` with what it has read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from servicegraph.model.observation import DeclaredObject, StalledObject

if TYPE_CHECKING:
    from collections.abc import Iterable

    from servicegraph.ingest.batch import Batch
    from servicegraph.store.objects import StoredObject

UNDECLARED = "undeclared"
"""Why a fact is removed whose object is still there."""

REPLACED = "replaced"
"""Why an object is gone whose name another one has now."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with the objects of one batch."""

    gone: tuple[tuple[StoredObject, str], ...]
    """Stored objects that exist no more, each with the reason."""
    new: tuple[DeclaredObject | StalledObject, ...]
    seen: tuple[tuple[StoredObject, DeclaredObject | StalledObject], ...]
    """Stored objects with what they say now."""

    @property
    def declared(self) -> list[DeclaredObject]:
        """The objects whose facts are to be stored."""
        living = (*self.new, *(said for _, said in self.seen))
        return [one for one in living if isinstance(one, DeclaredObject)]


def decide(batch: Batch, known: Iterable[StoredObject]) -> Decision:
    """Compare a batch with the stored objects that share a uid or a name with it."""
    stored = {one.uid: one for one in known}
    removed = {one.uid: one.reason for one in batch.removed}
    gone = {uid: reason for uid, reason in removed.items() if uid in stored}
    holders = {(one.namespace, one.name): one for one in stored.values() if one.uid not in removed}
    new: list[DeclaredObject | StalledObject] = []
    seen: list[tuple[StoredObject, DeclaredObject | StalledObject]] = []
    for said in _youngest(batch, removed):
        if said.uid in stored:
            seen.append((stored[said.uid], said))
            continue
        holder = holders.get((said.namespace, said.name))
        if holder is not None:
            if said.created_at < holder.created_at:
                continue
            gone[holder.uid] = REPLACED
        new.append(said)
    return Decision(tuple((stored[uid], reason) for uid, reason in gone.items()), tuple(new), tuple(seen))


def problem(said: DeclaredObject | StalledObject) -> str | None:
    """How the reason for which an object is not accepted is stored; what Postgres could not store is spelled out."""
    if isinstance(said, DeclaredObject):
        return None
    text = f"{said.reason}: {said.message}".replace("\x00", "\\x00")
    return text.encode("utf-8", "backslashreplace").decode()


def moved(stored: StoredObject, said: DeclaredObject | StalledObject, version: int) -> StoredObject:
    """The row of an object after `said` is stored at `version`; equal to `stored` if nothing is to be written."""
    why = problem(said)
    if (stored.generation, stored.problem) == (said.generation, why):
        return stored
    stored_version = stored.stored_version if why else version
    return replace(stored, generation=said.generation, problem=why, stored_version=stored_version)


def _youngest(batch: Batch, removed: dict[str, str]) -> Iterable[DeclaredObject | StalledObject]:
    """Of the objects of a batch that still exist, one for each name; of two as old as each other, the later said."""
    living: dict[tuple[str, str], DeclaredObject | StalledObject] = {}
    everyone: list[DeclaredObject | StalledObject] = [*batch.objects, *batch.stalled]
    for said in everyone:
        rival = living.get((said.namespace, said.name))
        if said.uid not in removed and (rival is None or said.created_at >= rival.created_at):
            living[said.namespace, said.name] = said
    return living.values()
