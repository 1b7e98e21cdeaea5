"""Whether everything that an object depends on is known: the condition `Resolved`.

Only targets of kind Service can be unknown: nobody declares a datastore, a queue or somebody else's API before using it.
`writeback` calls this for each object; a submitted manifest or record is judged by the same words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicegraph.checks.near import first
from servicegraph.checks.verdict import MAX_MESSAGE, Verdict, listed
from servicegraph.model.ids import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicegraph.checks.near import KnownServices
    from servicegraph.model.ids import ServiceKey

RESOLVED = "Resolved"


def resolved(
    targets: Sequence[ServiceKey], known: KnownServices, source: ServiceKey | None = None
) -> Verdict:
    """Judge the targets of one object; `count` of the verdict is how many are unknown. `source` is meant by none of them."""
    unknown = [
        target for target in dict.fromkeys(targets) if target.kind == Kind.SERVICE and target not in known
    ]
    if not unknown:
        return Verdict(RESOLVED, "True", "AllTargetsKnown", _all_known(len(targets)))
    subject = "1 target is" if len(unknown) == 1 else f"{len(unknown)} targets are"
    message = f"{subject} neither declared nor observed: "
    names: list[str] = []
    length = 0
    for target in unknown:
        # What will not fit anyway is not searched for: an object may name hundreds of services that come later.
        names.append(
            str(target) + (_suggestion(_near(known, target, source)) if length < MAX_MESSAGE else "")
        )
        length += len(names[-1])
    message += listed(names, MAX_MESSAGE - len(message))
    return Verdict(RESOLVED, "False", "UnknownTargets", message, len(unknown))


def _near(known: KnownServices, target: ServiceKey, source: ServiceKey | None) -> tuple[str, ...]:
    return first(one for one in known.ranked(target) if one[-1] != source)


def told_unknown(target: ServiceKey, candidates: Sequence[str], room: int) -> str:
    """The same about one target, with as many of the candidates as there is room for."""
    for number in range(len(candidates), -1, -1):
        sentence = f"{target} is neither declared nor observed{_suggestion(tuple(candidates[:number]))}"
        if len(sentence) <= room:
            break
    return sentence


def _all_known(number: int) -> str:
    """The good news in words."""
    if number == 0:
        return "no dependency is declared"
    return "the target is known" if number == 1 else f"all {number} targets are known"


def _suggestion(candidates: tuple[str, ...]) -> str:
    """The question that helps."""
    if not candidates:
        return ""
    *others, last = candidates
    return f" (did you mean {', '.join(others) + ' or ' if others else ''}{last}?)"
