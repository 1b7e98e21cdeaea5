"""What only the graph can say of an object: the conditions Resolved, Observed, InCycle and Conflicting, and their numbers.

Each is judged by a graph that holds the generation in question. Without one, a verdict about this very generation stays, for it
was true when last looked at; so a restart writes nothing before the graph is loaded. `desired` puts them together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servicegraph.checks.circling import circle_of, circling
from servicegraph.checks.conflicting import conflicting
from servicegraph.checks.near import known_services
from servicegraph.checks.observing import observing
from servicegraph.checks.targets import resolved
from servicegraph.writeback.conditions import (
    CONFLICTING,
    IN_CYCLE,
    NOT_EVALUATED,
    OBSERVED,
    RESOLVED,
    Conditions,
    condition,
)
from servicegraph.writeback.standing import Stalled, Stored

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from servicegraph.checks.observing import Watcher
    from servicegraph.checks.verdict import Verdict
    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.writeback.live import LiveObject

    Said = dict[str, Any]

NOT_ACCEPTED = "not looked at, as this generation is not accepted; the condition Stalled says why"
_OF_TELEMETRY = ("observed", "unobserved", "undeclared")
"""Numbers of the summary that telemetry gives."""


def resolution(
    live: LiveObject,
    standing: Stored,
    snapshot: Snapshot | None,
    before: Mapping[str, Any],
    earlier: Conditions,
) -> tuple[Said, dict[str, int]]:
    """Whether every target is known, and how many are not."""
    if snapshot is not None and _holds(snapshot, standing):
        verdict = resolved(live.targets, known_services(snapshot), live.source)
        return _said(verdict, standing.generation), {"unresolved": verdict.count}
    return _as_last_seen(RESOLVED, standing, before, earlier, ("unresolved",))


def observation(
    live: LiveObject,
    standing: Stored,
    snapshot: Snapshot | None,
    watchers: Sequence[Watcher] | None,
    before: Mapping[str, Any],
    earlier: Conditions,
) -> tuple[Said, dict[str, int]]:
    """Whether telemetry shows what is declared, and the numbers; `watchers` is None until they are known."""
    if live.source is None or watchers is None or snapshot is None or not _holds(snapshot, standing):
        return _as_last_seen(OBSERVED, standing, before, earlier, _OF_TELEMETRY)
    found = observing(live.source, live.targets, live.optional, snapshot, watchers)
    numbers = {field: getattr(found, field) for field in _OF_TELEMETRY}
    return _said(found.verdict, standing.generation), numbers


def circle(
    live: LiveObject,
    standing: Stored | Stalled,
    snapshot: Snapshot | None,
    before: Mapping[str, Any],
    earlier: Conditions,
) -> tuple[Said, dict[str, list[str]]]:
    """Whether something that it declares is part of a circle, as condition and as `cycles`.

    What the last good generation of a refused object declares, only the graph knows.
    """
    generation, last = _generation_judged(standing, earlier), earlier.get(IN_CYCLE)
    refused = isinstance(standing, Stalled)
    never_stored = refused and (last is None or last.get("reason") == NOT_EVALUATED)
    if live.source is not None and snapshot is not None and _holds(snapshot, standing) and not never_stored:
        alert = circle_of(snapshot, live.source, None if refused else live.targets)
        return _said(circling(alert), generation), {"cycles": [alert.name]} if alert else {}
    if never_stored:
        return of_last_good(IN_CYCLE, earlier, generation), {}
    if last and last.get("observedGeneration") == generation:
        return last, cycles(before)
    return not_evaluated(IN_CYCLE, generation), {}


def conflicts(
    live: LiveObject, snapshot: Snapshot | None, standing: Stored | Stalled, earlier: Conditions
) -> list[Said]:
    """That an older object's word counts instead of this one's, while it does."""
    generation = _generation_judged(standing, earlier)
    if snapshot is not None and _holds(snapshot, standing):
        verdict = conflicting(snapshot.conflicts.get(live.uid))
        return [_said(verdict, generation)] if verdict else []
    last = earlier.get(CONFLICTING)
    return [last] if last and last.get("observedGeneration") == generation else []


def cycles(before: Mapping[str, Any]) -> dict[str, list[str]]:
    """The alerts that it was told of."""
    return {"cycles": before["cycles"]} if before.get("cycles") else {}


def not_evaluated(kind: str, generation: int) -> Said:
    """A condition about which nothing can be said yet."""
    return condition(kind, "Unknown", NOT_EVALUATED, "not looked at yet", generation)


def of_last_good(kind: str, earlier: Conditions, generation: int) -> Said:
    """What a refused object was told of its last good generation, if anything."""
    last = earlier.get(kind)
    if last is None:
        return condition(kind, "Unknown", NOT_EVALUATED, NOT_ACCEPTED, generation)
    return {**last, "message": NOT_ACCEPTED} if last.get("reason") == NOT_EVALUATED else last


def _as_last_seen(
    kind: str, standing: Stored, before: Mapping[str, Any], earlier: Conditions, fields: Sequence[str]
) -> tuple[Said, dict[str, int]]:
    """A condition and numbers of the summary as they are, if they are about this very generation."""
    last = earlier.get(kind)
    if last is None or last.get("observedGeneration") != standing.generation:
        return not_evaluated(kind, standing.generation), {}
    summary = before.get("summary") or {}
    return last, {field: summary[field] for field in fields if field in summary}


def _said(verdict: Verdict, generation: int) -> Said:
    return condition(verdict.type, verdict.status, verdict.reason, verdict.message, generation)


def _holds(snapshot: Snapshot, standing: Stored | Stalled) -> bool:
    """Whether the graph holds the generation that is stored. Of a refused object it holds what its last good one said."""
    return isinstance(standing, Stalled) or snapshot.mark.version >= standing.version


def _generation_judged(standing: Stored | Stalled, earlier: Conditions) -> int:
    """The generation that the graph can judge: of a refused object the one whose targets were judged last."""
    judged = earlier.get(RESOLVED, {}) if isinstance(standing, Stalled) else {}
    generation: int = judged.get("observedGeneration", standing.generation)
    return generation
