"""Whether older objects say otherwise about the same service or call: the condition `Conflicting`.

It is there only while it applies, so no conflict is no verdict. `writeback` calls this for each object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servicegraph.checks.verdict import MAX_MESSAGE, Verdict, listed

if TYPE_CHECKING:
    from servicegraph.graph.conflicts import Conflict, Conflicts

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
