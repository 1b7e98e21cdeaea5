"""What the status of an object should say: a pure function of the object, of how it stands, and of the graph.

Nothing is remembered between calls and nothing is read from a clock, so after a restart the same inputs give the same status,
and `differs` finds that nothing has to be written. `reconcile.report` calls both and hands the rest to `writeback.status`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from servicegraph.checks.circling import circle_of, circling
from servicegraph.checks.conflicting import conflicting
from servicegraph.checks.near import known_services
from servicegraph.checks.targets import resolved
from servicegraph.writeback.conditions import (
    CONFLICTING,
    IN_CYCLE,
    NO_PROVIDER,
    NOT_EVALUATED,
    OBSERVED,
    READY,
    RECONCILING,
    RESOLVED,
    STALLED,
    STORED,
    Conditions,
    by_type,
    condition,
    since,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.writeback.live import LiveObject


@dataclass(frozen=True, slots=True)
class Stored:
    """A generation of the object is in the graph."""

    generation: int
    version: int
    """The version of the graph that was current once this generation was stored."""


@dataclass(frozen=True, slots=True)
class Stalled:
    """A generation of the object cannot be accepted; what the last good one said stays."""

    generation: int
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The newest generation is not stored yet, and why."""

    reason: str
    message: str


Standing = Stored | Stalled | Waiting
"""How an object stands with us."""


def desired(live: LiveObject, standing: Standing, snapshot: Snapshot | None, now: datetime) -> dict[str, Any]:
    """The status that `live` should have.

    `now` only dates conditions that change. A status that was right stays right whatever time it is.
    """
    before = live.status
    if isinstance(standing, Stored):
        return _stored(live, standing, snapshot, before, now)
    if isinstance(standing, Stalled):
        return _stalled(live, standing, snapshot, before, now)
    if before.get("observedGeneration") == live.generation:
        return before  # a generation that has been answered waits for nothing
    return _waiting(live.generation, standing, before, now)


def differs(before: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether the two statuses say different things, as far as they are the operator's to say."""
    return _said(before) != _said(wanted)


def _said(status: Mapping[str, Any]) -> tuple[Any, ...]:
    """What the operator says in a status, whatever the order of its parts."""
    numbers = (status.get(field) for field in ("observedGeneration", "graphVersion", "summary"))
    return by_type(status), status.get("cycles") or [], *numbers


def _stored(
    live: LiveObject, standing: Stored, snapshot: Snapshot | None, before: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """Accepted and stored; the rest is what the graph says about it."""
    earlier = by_type(before)
    verdict, unresolved = _verdict(live, standing, snapshot, before, earlier)
    circle, cycles = _circle(live, standing, snapshot, before, earlier)
    wanted = [
        condition(READY, "True", STORED, "accepted and stored", standing.generation),
        verdict,
        condition(OBSERVED, "Unknown", NO_PROVIDER, "no source of telemetry is set up", standing.generation),
        circle,
        *_conflicts(live, snapshot, standing, earlier),
    ]
    summary = {"declared": len(live.targets), "observed": 0, "unobserved": 0, "undeclared": 0}
    return {
        "observedGeneration": standing.generation,
        "conditions": since(wanted, earlier, now),
        "summary": summary if unresolved is None else {**summary, "unresolved": unresolved},
        **cycles,
        "graphVersion": standing.version,
    }


def _verdict(
    live: LiveObject,
    standing: Stored,
    snapshot: Snapshot | None,
    before: Mapping[str, Any],
    earlier: Conditions,
) -> tuple[dict[str, Any], int | None]:
    """Whether every target is known, and how many are not.

    Without a graph that holds this generation, a verdict about this very generation stays: it was true when last looked at.
    """
    if snapshot is not None and _holds(snapshot, standing):
        finding = resolved(live.targets, known_services(snapshot))
        return condition(
            RESOLVED, finding.status, finding.reason, finding.message, standing.generation
        ), finding.count
    last = earlier.get(RESOLVED)
    if last and last.get("observedGeneration") == standing.generation:
        return last, (before.get("summary") or {}).get("unresolved")
    return _not_evaluated(RESOLVED, standing.generation), None


def _circle(
    live: LiveObject,
    standing: Stored | Stalled,
    snapshot: Snapshot | None,
    before: Mapping[str, Any],
    earlier: Conditions,
) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Whether something that it declares is part of a circle, as condition and as `cycles`; without a graph, as last seen.

    What the last good generation of a refused object declares, only the graph knows.
    """
    generation, last = _judged(standing, earlier), earlier.get(IN_CYCLE)
    refused = isinstance(standing, Stalled)
    never_stored = refused and (last is None or last.get("reason") == NOT_EVALUATED)
    if live.source is not None and snapshot is not None and _holds(snapshot, standing) and not never_stored:
        alert = circle_of(snapshot, live.source, None if refused else live.targets)
        finding = circling(alert)
        return (
            condition(IN_CYCLE, finding.status, finding.reason, finding.message, generation),
            {"cycles": [alert.name]} if alert else {},
        )
    if last and last.get("observedGeneration") == generation:
        return last, _cycles(before)
    return _not_evaluated(IN_CYCLE, generation), {}


def _conflicts(
    live: LiveObject, snapshot: Snapshot | None, standing: Stored | Stalled, earlier: Conditions
) -> list[dict[str, Any]]:
    """That an older object's word counts instead of this one's, while it does; without a graph, as it was last seen."""
    generation = _judged(standing, earlier)
    if snapshot is not None and _holds(snapshot, standing):
        finding = conflicting(snapshot.conflicts.get(live.uid))
        if finding is None:
            return []
        return [condition(CONFLICTING, finding.status, finding.reason, finding.message, generation)]
    last = earlier.get(CONFLICTING)
    return [last] if last and last.get("observedGeneration") == generation else []


def _holds(snapshot: Snapshot, standing: Stored | Stalled) -> bool:
    """Whether the graph holds the generation that is stored. Of a refused object it holds what its last good one said."""
    return isinstance(standing, Stalled) or snapshot.mark.version >= standing.version


def _judged(standing: Stored | Stalled, earlier: Conditions) -> int:
    """The generation that the graph can judge: of a refused object the one whose targets were judged last."""
    judged = earlier.get(RESOLVED, {}) if isinstance(standing, Stalled) else {}
    generation: int = judged.get("observedGeneration", standing.generation)
    return generation


def _stalled(
    live: LiveObject, standing: Stalled, snapshot: Snapshot | None, before: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """Refused: says so, and leaves standing what the last good generation was told."""
    earlier = by_type(before)
    circle, cycles = _circle(live, standing, snapshot, before, earlier)
    wanted = [
        condition(READY, "False", standing.reason, standing.message, standing.generation),
        earlier.get(RESOLVED) or _not_evaluated(RESOLVED, standing.generation),
        earlier.get(OBSERVED) or _not_evaluated(OBSERVED, standing.generation),
        circle,
        condition(STALLED, "True", standing.reason, standing.message, standing.generation),
        *_conflicts(live, snapshot, standing, earlier),
    ]
    return {
        **_kept(before),
        **cycles,
        "observedGeneration": standing.generation,
        "conditions": since(wanted, earlier, now),
    }


def _waiting(generation: int, standing: Waiting, before: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Not stored yet: says why, and keeps everything else, the generation that was answered last included."""
    earlier = by_type(before)
    first_sight = {
        READY: condition(READY, "Unknown", standing.reason, standing.message, generation),
        RESOLVED: _not_evaluated(RESOLVED, generation),
        OBSERVED: _not_evaluated(OBSERVED, generation),
        IN_CYCLE: _not_evaluated(IN_CYCLE, generation),
    }
    reconciling = condition(RECONCILING, "True", standing.reason, standing.message, generation)
    wanted = {**first_sight, **earlier, RECONCILING: reconciling}
    answered = {key: before[key] for key in ("observedGeneration",) if key in before}
    return {
        **_kept(before),
        **_cycles(before),
        **answered,
        "conditions": since(wanted.values(), earlier, now),
    }


def _kept(before: Mapping[str, Any]) -> dict[str, Any]:
    """What the last good generation was told."""
    return {key: before[key] for key in ("summary", "graphVersion") if key in before}


def _cycles(before: Mapping[str, Any]) -> dict[str, list[str]]:
    """The alerts that it was told of."""
    return {"cycles": before["cycles"]} if before.get("cycles") else {}


def _not_evaluated(kind: str, generation: int) -> dict[str, Any]:
    """A condition about which nothing can be said yet."""
    return condition(kind, "Unknown", NOT_EVALUATED, "not looked at yet", generation)
