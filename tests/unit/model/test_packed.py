"""Bodies that wait come out as they went in."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from servicegraph.model.packed import Bodies, pack, unpack, written

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)
bodies = st.dictionaries(st.text(max_size=5), values, max_size=5)


@given(bodies)
def test_a_body_is_unpacked_as_it_was_whatever_json_can_hold(body: dict[str, Any]) -> None:
    assert unpack(pack(body)) == body


@given(st.lists(bodies, max_size=4), st.lists(bodies, max_size=4))
def test_a_list_of_packed_bodies_can_be_gone_through_again_and_again(
    some: list[dict[str, Any]], more: list[dict[str, Any]]
) -> None:
    held, others = Bodies(), Bodies()
    for body in some:
        held.append(body)
    for body in more:
        others.append(body)
    held.extend(others)
    assert len(held) == len(some) + len(more)
    assert list(held) == list(held) == [*some, *more]


def test_who_changes_a_body_that_was_unpacked_changes_nothing_that_waits() -> None:
    held = Bodies()
    held.append({"spec": {"service": "a"}})
    for body in held:
        body["spec"]["service"] = "b"
    assert list(held) == [{"spec": {"service": "a"}}]


def test_json_that_is_kept_takes_no_more_room_than_its_text() -> None:
    status = {"conditions": [{"type": "Ready", "message": "x" * 300} for _ in range(4)]}
    tracemalloc.start()
    try:
        kept = [written(status) for _ in range(1000)]
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert json.loads(kept[0]) == status
    assert taken < 1.1 * sum(map(len, kept))
