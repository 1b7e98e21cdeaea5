"""What the status of a DiscoverySource should say, and whether that has to be written now: pure functions.

The status is a dry run that can be read: what came, what was dropped and why, what is wrong. An outage is Healthy=False and
never takes Ready away; what the last answer brought stays to be read beside it. Numbers move at every poll, so they are written
only now and then: it is the one periodic write that there is. `reconcile.source_report` calls this and writes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from servicegraph.model.fields import parse_time, print_time
from servicegraph.model.sourcestatus import MAX_EXAMPLES, MAX_REASONS, MAX_WARNING, MAX_WARNINGS
from servicegraph.writeback.conditions import HEALTHY, READY, STALLED, by_type, condition, since

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from servicegraph.model.telemetry import Failure, Poll, PollOutcome
    from servicegraph.writeback.live_source import LiveSource

ACCEPTED = "Accepted"
"""Ready: it is polled."""
SUSPENDED = "Suspended"
"""Ready, and Healthy where it was never polled: nobody asks it."""
ANSWERING = "Answering"
"""Healthy: the last poll brought a whole answer."""
LIMITED = "Limited"
"""Healthy: it did, and more than may come into the graph at once."""
NOT_POLLED_YET = "NotPolledYet"
"""Healthy: Unknown until the first poll is over."""

LEAST_BETWEEN_WRITES = timedelta(minutes=5)
"""Between two writes of numbers at least, or an interval if that is longer."""

_LONGEST_REASON = 63
_LONGEST_EXAMPLE = 1024
_NUMBERS = ("lastPoll", "examples")


@dataclass(frozen=True, slots=True)
class Polled:
    """The last poll of a source, without its calls, and what became of it."""

    poll: Poll
    outcome: PollOutcome

    @property
    def failure(self) -> Failure | None:
        """What is wrong with the source; None while nothing is."""
        return self.outcome.failure or self.poll.failure


@dataclass(frozen=True, slots=True)
class Standing:
    """How a source stands with us."""

    refusal: Failure | None = None
    """Why it cannot be polled until somebody changes it, or a Secret; None where it can."""
    suspended: bool = False
    interval: timedelta = timedelta(0)
    """Between two polls."""
    last: Polled | None = None
    """None where this process has not polled it under its present spec."""


def desired(live: LiveSource, standing: Standing, now: datetime) -> dict[str, Any]:
    """The status that `live` should have, whether or not it is to be written now; `now` dates conditions that change."""
    before = live.status
    earlier = by_type(before)
    generation, refusal = live.generation, standing.refusal
    wanted = [_ready(standing, generation), _healthy(standing, generation, earlier)]
    if refusal is not None:
        wanted.append(condition(STALLED, "True", refusal.reason, refusal.message, generation))
    numbers = {field: before[field] for field in _NUMBERS if field in before}
    if standing.last is not None and _has_answered(standing.last):
        numbers = _numbers(standing.last)
    return {
        "observedGeneration": generation,
        "conditions": since(wanted, earlier, now),
        **numbers,
    }


def to_write(
    live: LiveSource, standing: Standing, now: datetime, written: datetime | None
) -> dict[str, Any] | None:
    """The status to be written now; None where none is.

    What holds or does not hold is written at once, numbers and words that go with them when their time has come.

    Args:
        live: the object.
        standing: how it stands.
        now: dates conditions that change.
        written: the time of the poll that this process has last written of; None if it has written of none.
    """
    before, wanted = live.status, desired(live, standing, now)
    if _holds(before) != _holds(wanted):
        return wanted
    if _said(before) == _said(wanted) or not _is_time(before, standing, written):
        return None
    return wanted


def _ready(standing: Standing, generation: int) -> dict[str, Any]:
    if standing.refusal is not None:
        return condition(READY, "False", standing.refusal.reason, standing.refusal.message, generation)
    if standing.suspended:
        message = (
            "not polled while it is suspended; what was seen stays as it is, and nothing is taken for gone"
        )
        return condition(READY, "True", SUSPENDED, message, generation)
    return condition(READY, "True", ACCEPTED, "it can be polled, and is", generation)


def _healthy(standing: Standing, generation: int, earlier: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Of the last poll; before the first of this process, as it was last seen of this very spec."""
    last = standing.last
    if last is None:
        known = earlier.get(HEALTHY, {})
        is_told = known.get("status") in {"True", "False"}
        if is_told and (standing.suspended or known.get("observedGeneration") == generation):
            return known
        if standing.suspended:
            return condition(HEALTHY, "Unknown", SUSPENDED, "not polled while it is suspended", generation)
        return condition(HEALTHY, "Unknown", NOT_POLLED_YET, "not polled yet", generation)
    if last.failure is not None:
        return condition(HEALTHY, "False", last.failure.reason, last.failure.message, generation)
    if last.outcome.limited:
        return condition(HEALTHY, "True", LIMITED, last.outcome.limited, generation)
    return condition(HEALTHY, "True", ANSWERING, "the last poll brought a whole answer", generation)


def _has_answered(last: Polled) -> bool:
    """Whether there is something to tell of: a whole answer, or some of one."""
    return last.poll.failure is None or last.poll.series > 0


def _numbers(last: Polled) -> dict[str, Any]:
    poll, outcome = last.poll, last.outcome
    dropped = Counter({**poll.dropped}) + Counter({**outcome.dropped})
    shown = {
        "time": print_time(poll.at),
        "duration": _duration(poll.duration),
        "series": poll.series,
        "edges": outcome.edges,
        "quarantined": outcome.quarantined,
        "withoutNamespace": outcome.without_namespace,
        "dropped": {why[:_LONGEST_REASON]: count for why, count in dropped.most_common(MAX_REASONS)},
        "warnings": [_cut(one, MAX_WARNING) for one in poll.warnings[:MAX_WARNINGS]],
    }
    examples = {
        "unresolved": _examples(outcome.unresolved),
        "quarantined": _examples(outcome.quarantined_names),
    }
    named = {field: names for field, names in examples.items() if names}
    return {
        "lastPoll": {field: value for field, value in shown.items() if value not in ({}, [])},
        **({"examples": named} if named else {}),
    }


def _examples(names: Iterable[str]) -> list[str]:
    return [_cut(one, _LONGEST_EXAMPLE) for one in [*names][:MAX_EXAMPLES]]


def _duration(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms" if seconds < 10 else f"{seconds:.1f}s"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _holds(status: Mapping[str, Any]) -> tuple[Any, ...]:
    """What is news whenever it changes: which conditions hold, what is said of the spec, and that there was a first poll."""
    conditions = by_type(status)
    of_spec = [conditions.get(kind) for kind in (READY, STALLED)]
    holding = {kind: one.get("status") for kind, one in conditions.items()}
    return status.get("observedGeneration"), holding, of_spec, "lastPoll" in status


def _said(status: Mapping[str, Any]) -> tuple[Any, ...]:
    return by_type(status), *(status.get(field) for field in _NUMBERS)


def _is_time(before: Mapping[str, Any], standing: Standing, written: datetime | None) -> bool:
    """Whether the last write, by this process or another, lies far enough behind the poll that would be written of."""
    if standing.last is None:
        return True
    at = standing.last.poll.at
    told = (before.get("lastPoll") or {}).get("time")
    # A time to come was told by a clock that has been set back since.
    times = [one for one in (written, parse_time(told) if told else None) if one is not None and one <= at]
    return not times or at - max(times) >= max(standing.interval, LEAST_BETWEEN_WRITES)
