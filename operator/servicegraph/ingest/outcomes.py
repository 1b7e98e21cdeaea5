"""What became of a poll, in numbers and examples for people: on its object, at `/providers`. Pure; `ingest.polls` calls it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from servicegraph.ingest.newcomers import MOST_NEW_SERVICES
from servicegraph.ingest.sighting import is_unplaced
from servicegraph.model.fields import print_time
from servicegraph.model.telemetry import PollOutcome

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from servicegraph.ingest.sighting import Resolved, Sighting
    from servicegraph.model.telemetry import Poll, SourceHealth

TOO_MANY = "too many new services"
EXAMPLES = 10


def outcome(
    resolved: Resolved, waiting: Collection[str], left_out: Collection[str], health: SourceHealth
) -> PollOutcome:
    """What became of the calls of a poll.

    Args:
        resolved: the calls.
        waiting: raw keys of those that would have brought too many new services.
        left_out: those among them of which nothing is stored.
        health: of the source, after the poll.
    """
    shown = [one for raw_key, one in resolved.sightings.items() if not left_out or raw_key not in left_out]
    trusted = [one for one in shown if not one.quarantined]
    unplaced = _Unplaced(trusted)
    return PollOutcome(
        edges=len(trusted),
        quarantined=len(shown) - len(trusted),
        without_namespace=unplaced.calls,
        dropped=resolved.dropped + Counter({TOO_MANY: len(left_out)}),
        limited=_limited(len(waiting)),
        unresolved=tuple(sorted(unplaced.names)[:EXAMPLES]),
        quarantined_names=tuple(sorted(resolved.nobodies)[:EXAMPLES]),
        failure=health.failure,
        healthy_seconds=health.healthy_seconds,
    )


def entry(poll: Poll, came_to: PollOutcome) -> dict[str, Any]:
    """The poll as it is kept among the last of its source."""
    return {
        "time": print_time(poll.at),
        "duration": round(poll.duration, 3),
        "failure": came_to.failure.reason if came_to.failure else None,
        "series": poll.series,
        "edges": came_to.edges,
        "quarantined": came_to.quarantined,
        "withoutNamespace": came_to.without_namespace,
        "dropped": dict(Counter(poll.dropped) + Counter(came_to.dropped)),
    }


def _limited(waiting: int) -> str:
    if not waiting:
        return ""
    return (
        f"more than {MOST_NEW_SERVICES:,} services would be new at once; {waiting:,} calls wait for the next polls,"
        " which bring them bit by bit: see whether names never repeat"
    )


class _Unplaced:
    """Calls with an end of which it is not known where it belongs, and the raw names of such ends."""

    def __init__(self, calls: Sequence[Sighting]) -> None:
        ends = {one.source for one in calls} | {one.target for one in calls}
        nowhere = {end for end in ends if is_unplaced(end)}
        self.calls = 0
        self.names: set[str] = set()
        for one in calls if nowhere else ():
            names = ((one.source, one.call.client), (one.target, one.call.server))
            found = [name for end, name in names if end in nowhere]
            self.calls += bool(found)
            self.names.update(found)
