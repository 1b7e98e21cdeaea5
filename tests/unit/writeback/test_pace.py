"""How fast is fast enough."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from servicegraph.writeback.pace import Pace


def test_the_first_second_may_come_at_once_and_then_each_waits_its_turn() -> None:
    pace = Pace(per_second=4)
    assert [round(pace.book(100.0), 6) for _ in range(7)] == [0, 0, 0, 0, 0.25, 0.5, 0.75]


def test_a_rest_allows_a_second_s_worth_again_and_no_more() -> None:
    pace = Pace(per_second=4)
    for _ in range(10):
        pace.book(100.0)
    assert [pace.book(1000.0) for _ in range(5)] == [0, 0, 0, 0, 0.25]


def test_less_than_one_a_second_is_possible() -> None:
    pace = Pace(per_second=0.5)
    assert [pace.book(100.0) for _ in range(3)] == [0, 2, 4]


@given(st.floats(0.1, 200), st.lists(st.floats(0, 3), max_size=60))
def test_in_no_stretch_of_time_are_there_more_turns_than_its_budget(rate: float, gaps: list[float]) -> None:
    pace, now, turns = Pace(rate), 0.0, []
    for gap in gaps:
        now += gap
        turns.append(now + pace.book(now))
    assert turns == sorted(turns)
    for first, start in enumerate(turns):
        for last in range(first, len(turns)):
            allowed = max(1.0, rate) + (turns[last] - start) * rate
            assert last - first + 1 <= allowed + 1e-6
