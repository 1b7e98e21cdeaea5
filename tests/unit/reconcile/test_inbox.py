"""The inbox keeps the latest word on each object, once."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from servicegraph.reconcile.inbox import BATCH_OBJECTS, Change, Inbox
from support.bodies import body


def change(uid: str, generation: int) -> Change:
    return Change(uid, body(uid=uid, generation=generation))


async def test_ten_changes_of_one_object_become_the_last_of_them() -> None:
    inbox = Inbox()
    for generation in range(1, 11):
        inbox.put(change("a", generation))
    assert await inbox.batch() == [change("a", 10)]
    assert len(inbox) == 0


async def test_what_is_put_back_goes_first_and_never_replaces_something_newer() -> None:
    inbox = Inbox()
    inbox.put(change("a", 1))
    inbox.put(change("b", 1))
    taken = await inbox.batch()
    inbox.put(change("c", 1))
    inbox.put(change("a", 2))
    inbox.put_back(taken)
    assert await inbox.batch() == [change("b", 1), change("c", 1), change("a", 2)]


async def test_a_batch_waits_for_the_first_change() -> None:
    inbox = Inbox()
    waiting = asyncio.create_task(inbox.batch())
    await asyncio.wait({waiting}, timeout=0.01)
    assert not waiting.done()
    inbox.put(change("a", 1))
    assert await waiting == [change("a", 1)]


async def test_idle_ends_when_the_last_change_is_taken() -> None:
    inbox = Inbox()
    inbox.put(change("a", 1))
    idle = asyncio.create_task(inbox.idle())
    await asyncio.wait({idle}, timeout=0.01)
    assert not idle.done()
    await inbox.batch()
    await idle


@given(st.lists(st.tuples(st.integers(0, 700), st.integers(1, 9)), min_size=1, max_size=900))
def test_batches_hold_every_object_once_with_its_latest_change_in_order_of_arrival(
    puts: list[tuple[int, int]],
) -> None:
    async def drain() -> list[list[Change]]:
        inbox = Inbox()
        for uid, generation in puts:
            inbox.put(change(str(uid), generation))
        batches = []
        while len(inbox):
            batches.append(await inbox.batch())
        return batches

    with asyncio.Runner() as runner:
        batches = runner.run(drain())
    latest = {str(uid): generation for uid, generation in puts}
    flat = [one for batch in batches for one in batch]
    assert [one.uid for one in flat] == list(latest)
    assert flat == [change(uid, generation) for uid, generation in latest.items()]
    assert all(len(batch) <= BATCH_OBJECTS for batch in batches)
