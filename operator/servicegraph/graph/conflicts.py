"""Whose words lose: two objects that say different things about one service, or about one call.

Of two objects the older one counts, field by field (`graph.merge` and `graph.snapshot` do so); the younger one is to be told.
That is what is worked out here, from the few claims that differ at all: `store.claims` reads them, `graph.snapshot` carries the
result, `checks.conflicting` puts it into words.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_NAMED = 10
"""Conflicts of one object that are kept one by one; of the others only how many they are."""


class Claim(NamedTuple):
    """What one object says about one service or one call."""

    uid: str
    object: str
    """`namespace/name`, for people."""
    subject: str
    """`shop/a`, or `shop/a → shop/b`."""
    said: Mapping[str, Any]
    """The fields about which it says something, by the names that they have in a manifest."""


class Difference(NamedTuple):
    """One field in which the older object's word counts and not that of the younger."""

    field: str
    theirs: Any
    mine: Any


class Conflict(NamedTuple):
    """One older object that counts instead of this one, and in which fields of which subject."""

    other: str
    subject: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Conflicts:
    """All conflicts that one object loses."""

    named: tuple[Conflict, ...]
    """At most `MAX_NAMED`, in the order of their subjects."""
    count: int


def conflicts(claims: Iterable[Claim]) -> dict[str, Conflicts]:
    """The conflicts of each object that loses one, by uid.

    Of each field the first claim that says something counts; saying nothing about a field contradicts nobody.

    Args:
        claims: in the order of their subjects, and within a subject the oldest object's first.
    """
    lost: defaultdict[str, list[Conflict]] = defaultdict(list)
    counts: defaultdict[str, int] = defaultdict(int)
    for subject, rivals in groupby(claims, attrgetter("subject")):
        decided: dict[str, tuple[str, Any]] = {}
        for claim in rivals:
            for other, differences in _contradicted(claim, decided).items():
                counts[claim.uid] += 1
                if counts[claim.uid] <= MAX_NAMED:
                    lost[claim.uid].append(Conflict(other, subject, tuple(differences)))
    return {uid: Conflicts(tuple(named), counts[uid]) for uid, named in lost.items()}


def _contradicted(claim: Claim, decided: dict[str, tuple[str, Any]]) -> dict[str, list[Difference]]:
    """By the object that counts, where this claim says otherwise; a field that nobody spoke of is decided by it from now on."""
    found: defaultdict[str, list[Difference]] = defaultdict(list)
    for field, mine in claim.said.items():
        other, theirs = decided.setdefault(field, (claim.object, mine))
        if theirs != mine:
            found[other].append(Difference(field, theirs, mine))
    return found
