"""Whatever sources of telemetry show, fail to show and forget, whatever is declared meanwhile and however the clock steps:
Postgres and the snapshot equal the fold of it all. A bug that is planted shows that this would be seen.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from oracle.names import Raw
from servicegraph.ingest import polls
from servicegraph.ingest.ageing import Thresholds, judge
from servicegraph.ingest.comparing import Changed, Comparison
from servicegraph.store.sightings import StoredSighting
from support import soaking
from support.pollings import AGES, INTERVAL, Polls
from support.stores import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from servicegraph.ingest.ageing import Verdict
    from servicegraph.model.telemetry import Poll, SourceHealth

CALLS = frozenset({Raw("a", "b", "shop", "shop"), Raw("c", "d", "shop", "shop")})


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    store = Store(database, Thresholds(*AGES))
    yield store
    store.close()


def test_random_polls_end_in_the_graph_that_follows_from_them(store: Store) -> None:
    _live(store, 8)


@pytest.mark.soak
def test_many_random_polls_end_in_the_graph_that_follows_from_them(store: Store) -> None:
    _live(store, round(150 * soaking.minutes()))


def _live(store: Store, histories: int) -> None:
    """A failing history is printed step by step, shrunk, with what replays it."""
    run_state_machine_as_test(
        lambda: Polls(store),  # type: ignore[arg-type] # any maker of machines will do
        settings=settings(max_examples=histories, stateful_step_count=20),
    )


def age_in_an_outage(plant: Callable[[object, str, object], None]) -> None:
    """A poll that nobody answers is taken for one that shows nothing."""

    def hasty(before: SourceHealth, poll: Poll, edges: int) -> Verdict:
        return judge(before, replace(poll, failure=None), edges)

    plant(polls, "judge", hasty)


def write_on_each_poll(plant: Callable[[object, str, object], None]) -> None:
    """Calls that are as they were are written all the same."""

    look_at = Comparison.look_at

    def restless(self: Comparison, page: Iterable[tuple[Any, ...]]) -> None:
        rows = [StoredSighting._make(values) for values in page]
        look_at(self, rows)
        self._differences.changed.extend(Changed(row, row) for row in rows)

    plant(Comparison, "look_at", restless)


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (None, ""),
        (age_in_an_outage, "present of the edge shop/a → shop/b is False, not True"),
        (write_on_each_poll, "a steady poll writes nothing but the row of its source"),
    ],
)
def test_a_planted_bug_is_caught_and_named(
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    plant: Callable[[Callable[[object, str, object], None]], None] | None,
    words: str,
) -> None:
    if plant is None:
        _story(Polls(store))
        return
    plant(monkeypatch.setattr)
    with pytest.raises(AssertionError) as found:
        _story(Polls(store))
    assert words in str(found.value)


def _story(sources: Polls) -> None:
    """A source is seen, rests, and is away for a while."""
    sources.begin()
    for _ in range(2):
        sources.now += INTERVAL
        sources.poll("otel", CALLS)
    sources.settle("otel")
    for _ in range(3):
        sources.now += INTERVAL
        sources.poll("otel", frozenset(), failed=True)
    sources.now += INTERVAL
    sources.poll("otel", CALLS)
