"""The memory of answers: bounded for any clients, empty for every new version."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from servicegraph_api.memory import Answer, Memory
from support.graphs import MARK

ROOM = 20_000


def answer(size: int) -> Answer:
    return Answer(b"x" * size, {}, "tag")


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 25_000))))
def test_what_is_kept_never_takes_more_than_the_room(asked: list[tuple[int, int]]) -> None:
    memory = Memory(ROOM)
    sizes: dict[int, int] = {}
    for name, size in asked:
        sizes.setdefault(name, size)
        if memory.recall((str(name),)) is None:
            memory.keep((str(name),), answer(sizes[name]))
    kept = [found for name in sizes if (found := memory.recall((str(name),))) is not None]
    assert sum(len(one.body) for one in kept) <= ROOM
    if sizes and sizes[asked[-1][0]] < ROOM / 2:
        assert memory.recall((str(asked[-1][0]),)) is not None, "the last one asked is kept"


def test_the_answer_not_asked_for_the_longest_goes_first() -> None:
    memory = Memory(ROOM)
    for name in ("one", "two"):
        memory.keep((name,), answer(7_000))
    assert memory.recall(("one",))
    memory.keep(("three",), answer(7_000))
    assert memory.recall(("two",)) is None
    assert memory.recall(("one",))
    assert memory.recall(("three",))


def test_a_new_version_empties_the_memory_and_the_same_one_does_not() -> None:
    memory = Memory(ROOM)
    memory.turn_to(MARK)
    memory.keep(("one",), answer(10))
    memory.turn_to(replace(MARK))
    assert memory.recall(("one",))
    memory.turn_to(replace(MARK, version=MARK.version + 1))
    assert memory.recall(("one",)) is None
