"""What a submission means for what its provider has said before: what is new, what differs, what goes. Pure.

The same for statements and for edges: rows of either, by what they are about. Called by `ingest.submitted`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from servicegraph.model.submission import Counts, Intent

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

R = TypeVar("R", bound=tuple[Any, ...])

MANY = 100
"""Fewer removals than this are never refused."""


@dataclass(frozen=True, slots=True)
class Differences(Generic[R]):
    """What is to be written."""

    added: tuple[R, ...] = ()
    changed: tuple[tuple[R, R], ...] = ()
    """Before and after."""
    removed: tuple[R, ...] = ()
    unchanged: int = 0
    absent: int = 0

    @property
    def any(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.added or self.changed or self.removed)

    @property
    def counts(self) -> Counts:
        """The same in numbers."""
        return Counts(len(self.added), len(self.changed), self.unchanged, len(self.removed), self.absent)


def compare(before: Mapping[Any, R], said: Mapping[Any, R], intent: Intent) -> Differences[R]:
    """Hold what is said now against what was said before.

    Args:
        before: the stored rows, by what they are about: for `REPLACE` all of the provider's, else those that `said` is about.
        said: the rows that are sent, likewise; for `DELETE` only what they are about counts.
        intent: what they are meant to do.
    """
    if intent is Intent.DELETE:
        gone = tuple(row for about, row in before.items() if about in said)
        return Differences(removed=gone, absent=len(said) - len(gone))
    known = {about: row for about, row in said.items() if about in before}
    changed = tuple((before[about], row) for about, row in known.items() if before[about] != row)
    return Differences(
        added=tuple(row for about, row in said.items() if about not in before),
        changed=changed,
        removed=tuple(row for about, row in before.items() if about not in said)
        if intent is Intent.REPLACE
        else (),
        unchanged=len(known) - len(changed),
    )


def too_many(removed: Collection[Any], before: int, most: float) -> str:
    """Why so many records may not go at once, in words; empty where they may.

    Args:
        removed: the records that would go.
        before: how many there are.
        most: the share of these that may go, from `MANY` on.
    """
    going = len(removed)
    if going < MANY or going <= most * before:
        return ""
    return (
        f"this would take away {going:,} of the {before:,} records of this key, more than the share {most:g} that"
        " RESYNC_MAX_REMOVAL allows at once; if they are really gone, send it again with accept_removal=true"
    )
