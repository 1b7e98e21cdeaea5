"""What a poll does to what was known: which source may let edges age, and what becomes of each call, seen or not. Pure.

An edge ages by the healthy time of its source alone, never by the clock: a good poll adds the time since the last good one, two
intervals at most, so an outage of any length adds next to nothing. As this time moves only with polls, whatever depends on it
is stored by the transaction of the poll that moves it. Called by `ingest.polls`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from servicegraph.model.telemetry import Failure

if TYPE_CHECKING:
    from datetime import datetime

    from servicegraph.model.telemetry import Poll, SourceHealth
    from servicegraph.settings import Settings

HOUR = 3600.0
LEAST_EDGES = 20
"""A source that shows fewer is too small for its losses to be told from change."""
MOST_GONE = 0.5
"""The share of edges that may go from one poll to the next."""
ACCEPTED_SECONDS = 24 * HOUR
"""How long a drop has to hold to be taken for the truth."""
SUDDEN_DROP = "SuddenDrop"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """After how many healthy seconds of absence what becomes of an edge."""

    stale: float = 168 * HOUR
    retention: float = 720 * HOUR
    """From stale to gone."""
    alertable: float = 24 * HOUR
    """Absent for longer, it is in no circle."""

    @classmethod
    def of(cls, settings: Settings) -> Thresholds:
        """Those of the settings."""
        return cls(
            settings.stale_edge_threshold_hours * HOUR,
            settings.stale_edge_retention_hours * HOUR,
            settings.cycle_absence_hours * HOUR,
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a poll means for its source."""

    health: SourceHealth
    """How it is to be stored now."""
    ages: bool
    """Whether what the poll does not show is taken for missing."""
    repeated: bool = False
    """Whether this very poll has been stored before."""


class Kept(NamedTuple):
    """What is stored of a call and moves with polls."""

    confirmed: bool
    absent_since: float | None
    """The healthy seconds of its source when it was first missed; None while it is seen."""
    last_seen: datetime | None
    """None while it is seen."""
    stale: bool
    alertable: bool


def judge(before: SourceHealth, poll: Poll, edges: int) -> Verdict:
    """What `poll`, which shows `edges` calls that are not in quarantine, means for its source.

    A poll that was stored before adds nothing: a commit whose outcome is unknown is repeated.
    """
    if poll.at == before.last_attempt_at:
        return Verdict(before, ages=False, repeated=True)
    tried = replace(before, last_attempt_at=poll.at)
    if poll.failure is not None:
        return Verdict(replace(tried, failure=poll.failure), ages=False)
    if _has_dropped(before, edges) and not _is_accepted(poll):
        held = before.drop_seconds
        if before.drop_since is not None:
            held += _between(before.last_attempt_at, poll)
        if held < ACCEPTED_SECONDS:
            dropped = replace(tried, drop_since=before.drop_since or poll.at, drop_seconds=held)
            return Verdict(replace(dropped, failure=_sudden_drop(dropped, edges)), ages=False)
    good = replace(
        tried,
        healthy_seconds=before.healthy_seconds + _between(before.last_good_at, poll),
        last_good_at=poll.at,
        last_edges=edges,
        drop_since=None,
        drop_seconds=0.0,
        failure=None,
    )
    return Verdict(good, ages=True)


def seen(before: Kept | None, verdict: Verdict, *, quarantined: bool) -> Kept:
    """What becomes of a call that the poll shows: new, confirmed if no poll has missed it since the one before, or back."""
    again = before is not None and before.absent_since is None and not verdict.repeated
    return _present(confirmed=again or (before is not None and before.confirmed), quarantined=quarantined)


@dataclass(frozen=True, slots=True)
class Unseen:
    """What becomes of the calls that a poll does not show.

    Args:
        last: the last good poll before it.
        verdict: on the poll.
        thresholds: after how long they become what.
    """

    last: datetime | None
    verdict: Verdict
    thresholds: Thresholds

    def absent(self, before: Kept, first_seen: datetime) -> Kept:
        """The same, missing from now on where the poll tells so."""
        if before.absent_since is not None or not self.verdict.ages:
            return before
        last_seen = max(first_seen, self.last or first_seen)
        return before._replace(absent_since=self.verdict.health.healthy_seconds, last_seen=last_seen)

    def aged(self, kept: Kept, *, quarantined: bool, expected: float = 0.0) -> Kept | None:
        """The same with the flags that follow from how long it is missing; None where it is forgotten.

        Args:
            kept: as `absent` returns it.
            quarantined: whether the call is, by now.
            expected: seconds from one such call to the next, where the edge is declared with an `expectedInterval`.
        """
        if kept.absent_since is None:
            return _present(confirmed=kept.confirmed, quarantined=quarantined)
        absence = self.verdict.health.healthy_seconds - kept.absent_since
        fresh = max(self.thresholds.stale, 2 * expected)
        if self.verdict.ages and absence >= fresh + self.thresholds.retention:
            return None
        stale = absence >= fresh
        timely = absence <= self.thresholds.alertable
        return kept._replace(
            stale=stale, alertable=kept.confirmed and timely and not stale and not quarantined
        )


def _present(*, confirmed: bool, quarantined: bool) -> Kept:
    return Kept(confirmed, None, None, stale=False, alertable=confirmed and not quarantined)


def _has_dropped(before: SourceHealth, edges: int) -> bool:
    usual = before.last_edges or 0
    return usual >= LEAST_EDGES and usual - edges > MOST_GONE * usual


def _is_accepted(poll: Poll) -> bool:
    until = poll.source.accept_drop_until
    return until is not None and poll.at <= until


def _between(earlier: datetime | None, poll: Poll) -> float:
    """Seconds since then, two intervals at most; none where the clock went back."""
    if earlier is None:
        return 0.0
    return min(max(0.0, (poll.at - earlier).total_seconds()), 2 * poll.source.interval)


def _sudden_drop(health: SourceHealth, edges: int) -> Failure:
    return Failure(
        SUDDEN_DROP,
        f"{edges} calls are seen where there were {health.last_edges}: nothing ages until that has held for"
        f" {ACCEPTED_SECONDS / HOUR:.0f} h; look after what sends traces, or set acceptDropUntil if it is right",
    )
