"""Waiting grows, is capped, and starts over after a success."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicegraph.errors import KubernetesUnavailable
from servicegraph.reconcile.backoff import Backoff
from servicegraph.reconcile.retries import Retries


@given(st.floats(0.01, 10), st.floats(1, 1000), st.integers(1, 200))
def test_every_wait_lies_within_a_fifth_of_the_doubled_and_capped_one(
    first: float, factor: float, attempts: int
) -> None:
    backoff = Backoff(first, cap := first * factor)
    for attempt in range(attempts):
        wanted = min(first * 2.0 ** min(attempt, 64), cap)
        assert 0.8 * wanted <= backoff.next() <= 1.2 * wanted


def test_after_a_success_the_first_wait_comes_again() -> None:
    backoff = Backoff(1, 1000)
    for _ in range(8):
        backoff.next()
    backoff.reset()
    assert backoff.next() <= 1.2


async def test_a_refused_object_is_fetched_again_and_a_stored_one_is_not() -> None:
    fetched: asyncio.Queue[str] = asyncio.Queue()
    retries = Retries(fetched.put, first=0.001)
    retries.later("stays bad")
    retries.later("gets well")
    retries.forget("gets well")
    assert await fetched.get() == "stays bad"
    assert fetched.empty()


async def test_a_retry_may_ask_for_the_next_one() -> None:
    attempts = 0
    third = asyncio.Event()

    async def refused_again(uid: str) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 3:
            third.set()
        else:
            retries.later(uid)

    retries = Retries(refused_again, first=0.001)
    retries.later("bad")
    await third.wait()
    assert attempts == 3


@pytest.mark.parametrize("trouble", [KubernetesUnavailable(), ZeroDivisionError("a mistake of ours")])
async def test_a_retry_that_fails_is_no_retry_lost(trouble: Exception) -> None:
    answers: list[Exception | None] = [trouble, trouble, None]
    fetched = asyncio.Event()

    async def fetch(_: str) -> None:
        if answer := answers.pop(0):
            raise answer
        fetched.set()

    Retries(fetch, first=0.001).later("bad")
    await asyncio.wait_for(fetched.wait(), 30)
    assert answers == []


async def test_what_cannot_be_fetched_is_tried_again_in_its_own_way() -> None:
    fetched: asyncio.Queue[str] = asyncio.Queue()
    removed = asyncio.Event()

    async def remove() -> None:
        removed.set()

    Retries(fetched.put, first=0.001).later("gone", remove)
    await removed.wait()
    assert fetched.empty()


async def test_nothing_is_fetched_after_the_stop() -> None:
    fetched: asyncio.Queue[str] = asyncio.Queue()
    retries = Retries(fetched.put, first=0.001)
    retries.later("bad")
    retries.stop()
    await asyncio.wait({asyncio.create_task(fetched.get())}, timeout=0.02)
    assert fetched.empty()
