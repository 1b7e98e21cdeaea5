"""Token buckets, beside one that counts tokens as a child would."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicegraph.clock import SteppedClock
from servicegraph_api.buckets import LocalBuckets

LIMITS = st.sampled_from([1, 2, 3, 7, 10, 60, 600, 1_000, 999_983, 1_000_000])
PAUSES = st.one_of(st.just(0), st.integers(0, 2_000_000), st.integers(0, 120_000_000))
"""Microseconds."""


class Counted:
    """A bucket as tokens: as many as `limit`, one more after each `token` microseconds, never more than it holds."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.token = max(1, round(60_000_000 / limit))
        self.tokens = Fraction(limit)

    def pass_time(self, microseconds: int) -> None:
        self.tokens = min(Fraction(self.limit), self.tokens + Fraction(microseconds, self.token))

    def take(self) -> bool:
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@given(LIMITS, st.lists(st.tuples(PAUSES, st.integers(1, 5)), max_size=60))
def test_a_bucket_gives_what_counting_tokens_gives(limit: int, pauses: list[tuple[int, int]]) -> None:
    clock, counted = SteppedClock(), Counted(limit)
    buckets = LocalBuckets(clock)
    for pause, requests in pauses:
        clock.step(timedelta(microseconds=pause))
        counted.pass_time(pause)
        for _ in range(requests):
            verdict = buckets.take("a", limit)
            assert verdict.allowed == counted.take()
            assert verdict.remaining == int(counted.tokens)


@given(LIMITS, st.integers(1, 30))
def test_who_waits_as_long_as_told_is_let_in_and_not_a_second_sooner(limit: int, more: int) -> None:
    clock = SteppedClock()
    buckets = LocalBuckets(clock)
    for _ in range(min(limit, 100)):
        assert buckets.take("a", limit).allowed
    if limit > 100:
        return
    for _ in range(more):
        refused = buckets.take("a", limit)
        assert not refused.allowed
        if refused.retry_after > 1:
            clock.step(timedelta(seconds=refused.retry_after - 1))
            assert not buckets.take("a", limit).allowed
            clock.step(timedelta(seconds=1))
        else:
            clock.step(timedelta(seconds=refused.retry_after))
        assert buckets.take("a", limit).allowed


def test_a_bucket_holds_one_minutes_worth_and_refills_evenly() -> None:
    clock = SteppedClock()
    buckets = LocalBuckets(clock)
    assert [buckets.take("a", 60).allowed for _ in range(61)] == [True] * 60 + [False]
    clock.step(timedelta(seconds=1))
    assert [buckets.take("a", 60).allowed for _ in range(2)] == [True, False]
    clock.step(timedelta(hours=1))
    assert [buckets.take("a", 60).allowed for _ in range(61)] == [True] * 60 + [False]


def test_one_bucket_takes_nothing_from_another() -> None:
    buckets = LocalBuckets(SteppedClock())
    assert [buckets.take(name, 1).allowed for name in ("a", "b", "a", "b")] == [True, True, False, False]


def test_the_headers_tell_how_the_bucket_stands() -> None:
    buckets = LocalBuckets(SteppedClock())
    buckets.take("a", 60)
    headers: dict[str, str] = {}
    buckets.take("a", 60).tell(headers)
    assert headers == {
        "RateLimit-Limit": "60",
        "RateLimit-Remaining": "58",
        "RateLimit-Reset": "2",
    }


@pytest.mark.parametrize("names", [1_000, 20_000])
def test_any_number_of_names_takes_bounded_room(names: int) -> None:
    buckets = LocalBuckets(SteppedClock(), room=100)
    for name in range(names):
        buckets.take(f"{name}", 1)
        assert len(buckets) <= 100
    assert not buckets.take(f"{names - 1}", 1).allowed, "those that were used last are kept"


def test_a_bucket_that_others_have_counted_goes_on_from_there() -> None:
    buckets = LocalBuckets(SteppedClock())
    buckets.adopt("a", 59_000_000)
    assert [buckets.take("a", 60).allowed for _ in range(2)] == [True, False]
