"""What a full comparison of Kubernetes and the store asks for: the decision of `resync`, pure.

A list that was read after the store shows every object that the store may keep: what it lacks is gone, what differs from
what is stored was missed. Removing much at once is refused: the usual cause is a wrong list, not a deleted company.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from servicegraph.store.objects import StoredObject

MANY = 100
"""Fewer removals than this are never refused."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do after a comparison."""

    missed: frozenset[str]
    """Uids of listed objects whose generation is not the stored one."""
    orphans: tuple[str, ...]
    """Uids that are stored and exist no more; to be removed, unless refused those alone that are known to be gone."""
    unheard: dict[str, int]
    """Generations that a list shows and the watch has not delivered, by uid."""
    refused: str
    """Why the orphans must stay for now, in words; empty when they may go."""


def plan(
    stored: Mapping[str, StoredObject],
    listed: Iterable[dict[str, Any]],
    heard: Mapping[str, int],
    gone: Container[str] = frozenset(),
    *,
    namespaces: Sequence[str],
    max_removal: float,
) -> Plan:
    """Compare the objects in the store with those a later list shows.

    Args:
        stored: what the store holds, read before the list was begun.
        listed: every body of the complete list; gone through once.
        heard: the newest generation that the watch delivered, by uid.
        gone: uids of objects whose deletion the watch has delivered; these are never too many.
        namespaces: where the list looked; empty for everywhere. Objects elsewhere are not judged.
        max_removal: share of the stored objects that may go at once, from `MANY` on.
    """
    seen = {body["metadata"]["uid"]: body["metadata"]["generation"] for body in listed}
    judged = [one for one in stored.values() if not namespaces or one.namespace in namespaces]
    orphans = tuple(one.uid for one in judged if one.uid not in seen)
    vanished = sum(uid not in gone for uid in orphans)
    too_many = vanished >= MANY and vanished > max_removal * len(judged)
    return Plan(
        missed=frozenset(uid for uid, generation in seen.items() if _differs(stored.get(uid), generation)),
        orphans=orphans,
        unheard={uid: generation for uid, generation in seen.items() if heard.get(uid, 0) < generation},
        refused=(
            f"a full comparison would remove {vanished} of {len(judged)} objects, more than the share "
            f"{max_removal:g} allowed at once; if they are really gone, set RESYNC_MAX_REMOVAL=1"
            if too_many
            else ""
        ),
    )


def _differs(stored: StoredObject | None, generation: int) -> bool:
    return stored is None or stored.generation != generation
