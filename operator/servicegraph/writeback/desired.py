"""What the status of an object should say: a pure function of the object, of how it stands, and of the graph.

Nothing is remembered between calls and nothing is read from a clock, so after a restart the same inputs give the same status,
and `differs` finds that nothing has to be written. `reconcile.report` calls both and hands the rest to `writeback.status`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servicegraph.writeback.conditions import (
    IN_CYCLE,
    OBSERVED,
    READY,
    RECONCILING,
    RESOLVED,
    STALLED,
    STORED,
    by_type,
    condition,
    since,
)
from servicegraph.writeback.judged import (
    circle,
    conflicts,
    cycles,
    not_evaluated,
    observation,
    of_last_good,
    resolution,
)
from servicegraph.writeback.standing import Stalled, Stored

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from servicegraph.checks.observing import Watcher
    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.writeback.live import LiveObject
    from servicegraph.writeback.standing import Standing, Waiting


def desired(
    live: LiveObject,
    standing: Standing,
    snapshot: Snapshot | None,
    now: datetime,
    watchers: Sequence[Watcher] | None = (),
) -> dict[str, Any]:
    """The status that `live` should have.

    Args:
        live: the object as Kubernetes shows it.
        standing: how it stands with us.
        snapshot: the graph; None until the first is loaded.
        now: only dates conditions that change. A status that was right stays right whatever time it is.
        watchers: the sources of telemetry as of that graph; None until it is known which there are.
    """
    before = live.status
    if isinstance(standing, Stored):
        return _stored(live, standing, snapshot, watchers, before, now)
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
    live: LiveObject,
    standing: Stored,
    snapshot: Snapshot | None,
    watchers: Sequence[Watcher] | None,
    before: Mapping[str, Any],
    now: datetime,
) -> dict[str, Any]:
    """Accepted and stored; the rest is what the graph says about it."""
    earlier = by_type(before)
    resolves, unresolved = resolution(live, standing, snapshot, before, earlier)
    observed, numbers = observation(live, standing, snapshot, watchers, before, earlier)
    in_cycle, named = circle(live, standing, snapshot, before, earlier)
    wanted = [
        condition(READY, "True", STORED, "accepted and stored", standing.generation),
        resolves,
        observed,
        in_cycle,
        *conflicts(live, snapshot, standing, earlier),
    ]
    return {
        "observedGeneration": standing.generation,
        "conditions": since(wanted, earlier, now),
        "summary": {"declared": len(live.targets), **numbers, **unresolved},
        **named,
        "graphVersion": standing.version,
    }


def _stalled(
    live: LiveObject, standing: Stalled, snapshot: Snapshot | None, before: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """Refused: says so, and leaves standing what the last good generation was told."""
    earlier = by_type(before)
    in_cycle, named = circle(live, standing, snapshot, before, earlier)
    wanted = [
        condition(READY, "False", standing.reason, standing.message, standing.generation),
        of_last_good(RESOLVED, earlier, standing.generation),
        of_last_good(OBSERVED, earlier, standing.generation),
        in_cycle,
        condition(STALLED, "True", standing.reason, standing.message, standing.generation),
        *conflicts(live, snapshot, standing, earlier),
    ]
    return {
        **_kept(before),
        **named,
        "observedGeneration": standing.generation,
        "conditions": since(wanted, earlier, now),
    }


def _waiting(generation: int, standing: Waiting, before: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Not stored yet: says why, and keeps everything else, the generation that was answered last included."""
    earlier = by_type(before)
    first_sight = {
        READY: condition(READY, "Unknown", standing.reason, standing.message, generation),
        RESOLVED: not_evaluated(RESOLVED, generation),
        OBSERVED: not_evaluated(OBSERVED, generation),
        IN_CYCLE: not_evaluated(IN_CYCLE, generation),
    }
    reconciling = condition(RECONCILING, "True", standing.reason, standing.message, generation)
    wanted = {**first_sight, **earlier, RECONCILING: reconciling}
    answered = {key: before[key] for key in ("observedGeneration",) if key in before}
    return {
        **_kept(before),
        **cycles(before),
        **answered,
        "conditions": since(wanted.values(), earlier, now),
    }


def _kept(before: Mapping[str, Any]) -> dict[str, Any]:
    """What the last good generation was told."""
    return {key: before[key] for key in ("summary", "graphVersion") if key in before}
