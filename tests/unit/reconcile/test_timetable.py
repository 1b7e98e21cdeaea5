"""When which source is polled."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from servicegraph.reconcile.timetable import Timetable

INTERVALS = st.floats(15, 86_400)
ROUNDING = 1e-6
"""Of sums and differences of clock readings."""


def begun(table: Timetable, now: float, busy: set[str] | None = None) -> list[str]:
    """Who begins a turn at that moment."""
    found = []
    busy = set(busy or ())
    while turn := table.begin(now, busy):
        found.append(turn.name)
        busy.add(turn.name)
    return found


def test_what_is_new_or_has_changed_is_due_at_once() -> None:
    table = Timetable()
    table.put("a", 300, now=100)
    assert table.seconds(100, ()) == 0
    turn = table.begin(100, ())
    assert turn is not None
    turn.end(101, well=True)
    assert table.begin(101, ()) is None
    table.put("a", 300, now=102)
    assert begun(table, 102) == ["a"]


@given(INTERVALS, st.floats(0, 100_000))
def test_after_a_good_poll_the_next_begins_an_interval_after_its_beginning_and_at_most_a_tenth_later(
    interval: float, took: float
) -> None:
    table = Timetable()
    table.put("a", interval, now=1000)
    turn = table.begin(1000, ())
    assert turn is not None
    turn.end(1000 + took, well=True)
    least, most = max(interval, took), max(interval * 1.1, took)
    assert least - ROUNDING <= turn.due - 1000 <= most + ROUNDING


@given(INTERVALS, st.integers(1, 60))
def test_after_a_failure_the_next_comes_sooner_and_never_later_than_an_interval(
    interval: float, failures: int
) -> None:
    table = Timetable()
    table.put("a", interval, now=0)
    now = 0.0
    for number in range(failures):
        turn = table.begin(now, ())
        assert turn is not None
        turn.end(now, well=False)
        wait = turn.due - now
        assert 0 < wait <= interval + ROUNDING
        if number == 0:
            assert wait <= 6
        now = turn.due
    turn = table.begin(now, ())
    assert turn is not None
    turn.end(now, well=True)
    assert turn.due - now >= interval - ROUNDING


def test_long_failing_sources_are_asked_about_once_an_interval() -> None:
    table = Timetable()
    table.put("a", 300, now=0)
    now, waits = 0.0, []
    for _ in range(20):
        turn = table.begin(now, ())
        assert turn is not None
        turn.end(now, well=False)
        waits.append(turn.due - now)
        now = turn.due
    assert min(waits[-10:]) >= 300 * 0.8


def test_who_has_been_due_for_longest_comes_first_and_who_is_busy_does_not_come() -> None:
    table = Timetable()
    for at, name in enumerate("cab"):
        table.put(name, 300, now=at)
    assert begun(table, 5, busy={"a"}) == ["c", "b"]
    assert begun(table, 1.5) == ["c", "a"]


def test_nobody_waits_for_what_is_removed_or_busy() -> None:
    table = Timetable()
    table.put("a", 300, now=0)
    assert table.seconds(0, {"a"}) is None
    table.remove("a")
    assert table.seconds(0, ()) is None
    assert table.begin(0, ()) is None


def test_another_spec_begins_anew_whatever_becomes_of_the_poll_under_the_old_one() -> None:
    table = Timetable()
    table.put("a", 300, now=0)
    old = table.begin(0, ())
    assert old is not None
    table.put("a", 60, now=1)
    old.end(2, well=False)
    assert begun(table, 2) == ["a"]
