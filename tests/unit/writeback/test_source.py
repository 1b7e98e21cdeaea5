"""What a DiscoverySource should say, and when that is written."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicegraph.model.sourcestatus import DiscoverySourceStatus
from servicegraph.model.telemetry import Failure, Poll, PollOutcome, Source
from servicegraph.writeback.live_source import LiveSource
from servicegraph.writeback.source import Polled, Standing, desired, to_write

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIVE = timedelta(minutes=5)
SOURCE = Source("otel", "http://prometheus:9090", "OTelCollector", "up", 60.0)
REFUSED = Failure("Refused", "nothing listens at http://prometheus:9090")
MISSING = Failure("SecretMissing", "there is no Secret token in servicegraph-system: create it")


def polled(at: datetime = NOW, *, series: int = 9, edges: int = 4, **outcome: Any) -> Polled:
    return Polled(Poll(SOURCE, at, series=series, duration=0.1204), PollOutcome(edges=edges, **outcome))


def failed(at: datetime = NOW, why: Failure = REFUSED) -> Polled:
    return Polled(Poll(SOURCE, at, failure=why), PollOutcome(edges=4, failure=why))


def standing(last: Polled | None = None, **rest: Any) -> Standing:
    return Standing(**{"interval": timedelta(minutes=1), "last": last, **rest})


def live(status: dict[str, Any] | None = None, generation: int = 1) -> LiveSource:
    meta = {"name": "otel", "uid": "1", "generation": generation, "resourceVersion": "1"}
    return LiveSource.of({"metadata": meta, "spec": {}, "status": status or {"observedGeneration": -1}})


def conditions(status: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {one["type"]: (one["status"], one["reason"]) for one in status["conditions"]}


def test_a_source_that_answers_is_ready_and_healthy_and_shows_what_came_and_what_did_not() -> None:
    last = polled(
        quarantined=2,
        without_namespace=1,
        dropped={"self-call": 3},
        unresolved=("cart",),
        quarantined_names=("unknown", "10.0.0.1"),
    )
    last = replace(
        last, poll=replace(last.poll, dropped={"name too long": 1, "self-call": 1}, warnings=("slow",))
    )
    status = desired(live(), standing(last), NOW)
    assert conditions(status) == {"Ready": ("True", "Accepted"), "Healthy": ("True", "Answering")}
    assert status["observedGeneration"] == 1
    assert status["lastPoll"] == {
        "time": "2026-03-01T12:00:00Z",
        "duration": "120ms",
        "series": 9,
        "edges": 4,
        "quarantined": 2,
        "withoutNamespace": 1,
        "dropped": {"self-call": 4, "name too long": 1},
        "warnings": ["slow"],
    }
    assert status["examples"] == {"unresolved": ["cart"], "quarantined": ["unknown", "10.0.0.1"]}


def test_an_outage_takes_health_and_never_readiness_and_leaves_what_came_last() -> None:
    good = desired(live(), standing(polled()), NOW)
    bad = desired(live(good), standing(failed(NOW + FIVE)), NOW + FIVE)
    assert conditions(bad) == {"Ready": ("True", "Accepted"), "Healthy": ("False", "Refused")}
    assert bad["conditions"][1]["message"] == REFUSED.message
    assert bad["lastPoll"] == good["lastPoll"]


def test_a_part_of_an_answer_is_shown_and_is_no_health() -> None:
    part = Failure("Partial", "a store did not answer")
    last = Polled(Poll(SOURCE, NOW, series=5, failure=part), PollOutcome(edges=3, failure=part))
    status = desired(live(), standing(last), NOW)
    assert conditions(status)["Healthy"] == ("False", "Partial")
    assert (status["lastPoll"]["series"], status["lastPoll"]["edges"]) == (5, 3)


def test_a_sudden_drop_is_no_health_though_the_answer_was_whole() -> None:
    drop = Failure("SuddenDrop", "more than half of its calls are gone at once")
    status = desired(live(), standing(polled(failure=drop)), NOW)
    assert conditions(status)["Healthy"] == ("False", "SuddenDrop")


def test_more_than_may_come_at_once_is_said_and_is_healthy() -> None:
    status = desired(live(), standing(polled(limited="the rest comes with the next polls")), NOW)
    assert conditions(status)["Healthy"] == ("True", "Limited")
    assert status["conditions"][1]["message"] == "the rest comes with the next polls"


def test_a_source_that_cannot_be_used_is_stalled_until_it_can() -> None:
    status = desired(live(), standing(refusal=MISSING), NOW)
    assert conditions(status) == {
        "Ready": ("False", "SecretMissing"),
        "Healthy": ("Unknown", "NotPolledYet"),
        "Stalled": ("True", "SecretMissing"),
    }
    assert conditions(desired(live(status), standing(polled()), NOW)) == {
        "Ready": ("True", "Accepted"),
        "Healthy": ("True", "Answering"),
    }


def test_a_suspended_source_is_ready_and_keeps_what_was_last_known_of_its_health() -> None:
    fresh = desired(live(), standing(suspended=True), NOW)
    assert conditions(fresh) == {"Ready": ("True", "Suspended"), "Healthy": ("Unknown", "Suspended")}
    good = desired(live(), standing(polled()), NOW)
    assert conditions(desired(live(good), standing(suspended=True), NOW))["Healthy"] == ("True", "Answering")


def test_after_a_restart_nothing_is_written_before_the_first_poll() -> None:
    for last in (polled(), failed()):
        before = desired(live(), standing(last), NOW)
        assert to_write(live(before), standing(), NOW + FIVE, None) is None


def test_numbers_are_written_now_and_then_and_what_holds_at_once() -> None:
    before = desired(live(), standing(polled()), NOW)
    soon, then = NOW + FIVE - timedelta(seconds=1), NOW + FIVE
    assert to_write(live(before), standing(polled(soon, edges=5)), soon, NOW) is None
    later = to_write(live(before), standing(polled(then, edges=5)), then, NOW)
    assert later is not None
    assert later["lastPoll"]["edges"] == 5
    assert later["conditions"][0]["lastTransitionTime"] == "2026-03-01T12:00:00Z"
    for last in (failed(NOW + timedelta(seconds=20)), None):
        refusal = None if last else MISSING
        assert to_write(live(before), standing(last, refusal=refusal), NOW, NOW) is not None
    assert to_write(live(before, generation=2), standing(polled(soon)), soon, NOW) is not None


def test_a_longer_interval_makes_writes_rarer() -> None:
    before = desired(live(), standing(polled()), NOW)
    hourly = replace(standing(polled(NOW + timedelta(minutes=59))), interval=timedelta(hours=1))
    assert to_write(live(before), hourly, NOW, None) is None
    hourly = replace(standing(polled(NOW + timedelta(minutes=60))), interval=timedelta(hours=1))
    assert to_write(live(before), hourly, NOW, None) is not None


def test_the_words_of_an_outage_are_written_now_and_then_too() -> None:
    before = desired(live(), standing(failed()), NOW)
    slow = Failure("TimedOut", "no answer within 30s")
    assert to_write(live(before), standing(failed(NOW + timedelta(minutes=4), slow)), NOW, NOW) is None
    assert to_write(live(before), standing(failed(NOW + FIVE, slow)), NOW, NOW) is not None
    assert to_write(live(before), standing(failed(NOW + timedelta(days=3))), NOW, NOW) is None


def test_a_time_that_was_told_by_a_clock_ahead_keeps_nothing_back() -> None:
    ahead = NOW + timedelta(days=365)
    before = desired(live(), standing(polled(ahead)), ahead)
    assert to_write(live(before), standing(polled(NOW, edges=5)), NOW, ahead) is not None


OUTCOMES = st.sampled_from(["good", "failed", "drop"])


@given(st.lists(st.tuples(st.integers(15, 900), OUTCOMES, st.integers(0, 3)), max_size=60))
def test_whatever_comes_writes_of_numbers_keep_their_distance_and_transitions_are_never_late(
    polls: list[tuple[int, str, int]],
) -> None:
    status: dict[str, Any] = {"observedGeneration": -1}
    written: datetime | None = None
    now, healthy, version = NOW, "Unknown", live()
    for seconds, kind, edges in polls:
        now += timedelta(seconds=seconds)
        last = {
            "good": polled(now, edges=edges),
            "failed": failed(now, Failure("TimedOut", f"attempt {edges}")),
            "drop": polled(now, failure=Failure("SuddenDrop", "gone")),
        }[kind]
        version = live(status)
        wanted = to_write(version, standing(last), now, written)
        transition = healthy != ("True" if kind == "good" else "False")
        first_numbers = "lastPoll" not in status and kind != "failed"
        if wanted is None:
            assert not transition
            assert not first_numbers
        else:
            assert transition or first_numbers or written is None or now - written >= FIVE
            status, written = wanted, now
        healthy = conditions(status)["Healthy"][0] if "conditions" in status else "Unknown"


LONG = st.text(max_size=2000)


@pytest.mark.parametrize("seconds", [0.0, 0.0004, 9.9996, 31.25, 299.9])
@given(
    st.dictionaries(LONG, st.integers(0, 10**9), max_size=40),
    st.lists(LONG, max_size=30),
)
def test_whatever_a_poll_brought_the_status_fits_its_schema(
    seconds: float, dropped: dict[str, int], names: list[str]
) -> None:
    poll = Poll(SOURCE, NOW, series=1, dropped=dropped, warnings=tuple(names), duration=seconds)
    outcome = PollOutcome(dropped=dropped, unresolved=tuple(names), quarantined_names=tuple(names))
    status = desired(live(), standing(Polled(poll, outcome)), NOW)
    DiscoverySourceStatus.model_validate(status, extra="forbid")
    orjson.dumps(status)
