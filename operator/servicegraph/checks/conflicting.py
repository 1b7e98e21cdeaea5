"""Whether older objects say otherwise about the same service or call: the condition `Conflicting`.

It is there only while it applies, so no conflict is no verdict. `writeback` calls this for each object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servicegraph.checks.verdict import MAX_MESSAGE, Verdict, listed
from servicegraph.graph.conflicts import Conflict, Difference
from servicegraph.model.vocabulary import Mode, Requirement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from servicegraph.graph.columns import ObjectName
    from servicegraph.graph.conflicts import Conflicts
    from servicegraph.model.observation import Observation

CONFLICTING = "Conflicting"
ATTRIBUTES_DIFFER = "AttributesDiffer"

_LONGEST_VALUE = 40


def conflicting(found: Conflicts | None) -> Verdict | None:
    """Tell an object what it has lost; `count` of the verdict is in how many places."""
    if found is None:
        return None
    verdict = "; the older one counts"
    told = [_told(one) for one in found.named]
    message = listed(told, MAX_MESSAGE - len(verdict), beyond=found.count - len(told)) + verdict
    return Verdict(CONFLICTING, "True", ATTRIBUTES_DIFFER, message, found.count)


def differing(mine: Observation, others: Iterable[tuple[ObjectName, str, int, int]]) -> str | None:
    """What to say about a dependency of which another object says otherwise, in the same words; None if none does.

    Args:
        mine: the dependency.
        others: object, protocol, mode and requirement of those who declare it too; nothing said contradicts nobody.
    """
    for name, protocol, mode, requirement in others:
        differences = [
            Difference(field, theirs, own)
            for field, theirs, own in (
                ("protocol", protocol, mine.protocol),
                ("mode", Mode(mode).word, mine.mode.word),
                ("requirement", Requirement(requirement).word, mine.requirement.word),
            )
            if theirs and own and theirs != own
        ]
        if differences:
            return _told(Conflict(str(name), f"{mine.source} → {mine.target}", tuple(differences)))
    return None


def _told(conflict: Conflict) -> str:
    theirs = _joined([f"{one.field} {_shown(one.theirs)}" for one in conflict.differences])
    mine = _joined([_shown(one.mine) for one in conflict.differences])
    return f"{conflict.other} declares {theirs} for {conflict.subject}, this object {mine}"


def _joined(parts: list[str]) -> str:
    *others, last = parts
    return f"{', '.join(others)} and {last}" if others else last


def _shown(value: Any) -> str:
    """A value as short as a message needs it; labels as `key=value`."""
    text = ",".join(f"{key}={value[key]}" for key in sorted(value)) if isinstance(value, dict) else str(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
