"""The conditions of our objects and their reasons: the words that other people's tools wait for.

Fixed: a type or a reason is never renamed. Reasons of refused specs stand in `model.translate`, those of the store and of
Kubernetes on the classes of `errors`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servicegraph.model.fields import print_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

READY = "Ready"
"""True: this generation is accepted, and where it says something about services, stored. A circle never makes it False."""
RESOLVED = "Resolved"
"""True: every service that it names is known, by a declaration or by telemetry."""
OBSERVED = "Observed"
"""True: telemetry shows what is declared."""
IN_CYCLE = "InCycle"
"""True: something that it declares is part of a circle of services that depend on each other."""
RECONCILING = "Reconciling"
"""True while this generation waits to be stored; absent otherwise."""
STALLED = "Stalled"
"""True while this generation cannot be accepted until somebody changes it; absent otherwise."""
CONFLICTING = "Conflicting"
"""True while an older object says otherwise about the same service or call, and counts; absent otherwise."""

HEALTHY = "Healthy"
"""True: the last poll of a source of telemetry brought an answer that can be relied on."""

OURS = (READY, RESOLVED, OBSERVED, IN_CYCLE, HEALTHY, RECONCILING, STALLED, CONFLICTING)
"""All types that the operator writes, in the order in which they are written; others belong to others."""

STORED = "Stored"
"""Ready: nothing is left to do."""
NOT_EVALUATED = "NotEvaluated"
"""Resolved, Observed, InCycle: no graph that holds this generation, or no telemetry since, has been looked at yet."""

_LONGEST = 4096

Conditions = dict[str, dict[str, Any]]
"""Conditions by type."""


def condition(kind: str, status: str, reason: str, message: str, generation: int) -> dict[str, Any]:
    """A condition that does not know yet since when it holds."""
    # What is no valid Unicode the API server would replace, and then it would differ from what we want for ever.
    text = message[:_LONGEST].encode("utf-8", "replace").decode()
    return {
        "type": kind,
        "status": status,
        "observedGeneration": generation,
        "reason": reason,
        "message": text,
    }


def by_type(status: Mapping[str, Any]) -> Conditions:
    """Our conditions in the status of an object, by type; what is no condition is passed over."""
    listed = status.get("conditions")
    found = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return {one["type"]: one for one in found if one.get("type") in OURS}


def since(wanted: Iterable[dict[str, Any]], before: Conditions, now: datetime) -> list[dict[str, Any]]:
    """The conditions with the time of their last transition: that of before, unless the status is another."""
    stamped = {}
    for one in wanted:
        earlier = before.get(one["type"], {})
        kept = earlier.get("lastTransitionTime") if earlier.get("status") == one["status"] else None
        stamped[one["type"]] = {**one, "lastTransitionTime": kept or print_time(now)}
    return [stamped[kind] for kind in OURS if kind in stamped]
