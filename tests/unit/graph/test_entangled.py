from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from servicegraph.graph.entangled import entangled
from support.circles import components

numbers = st.integers(0, 7) | st.just(2_000_000_000)


@given(st.lists(st.tuples(numbers, numbers), max_size=30))
def test_the_numbers_on_circles_are_the_members_of_components(pairs: list[tuple[int, int]]) -> None:
    source, target = (np.array([pair[end] for pair in pairs], np.int32) for end in (0, 1))
    expected = sorted({node for one in components(set(pairs)) for node in one})
    assert entangled(source, target).tolist() == expected


def test_a_pair_said_often_is_still_one_pair() -> None:
    source, target = (np.repeat(np.array(ends, np.int32), 256) for ends in ([1, 2], [2, 1]))
    assert entangled(source, target).tolist() == [1, 2]
