"""How soon a part that died is started again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from servicegraph.local.supervisor import delay


def test_the_first_death_is_answered_at_once() -> None:
    assert delay(1) == 0


@given(st.integers(1, 10_000))
def test_each_further_death_is_answered_later_but_never_later_than_half_a_minute(deaths: int) -> None:
    assert delay(deaths) <= delay(deaths + 1) <= 30


def test_a_part_that_cannot_run_is_left_alone_for_half_a_minute() -> None:
    assert delay(10) == 30
