"""Until when telemetry has looked, as of a version of the graph."""

from __future__ import annotations

from datetime import UTC, datetime

from servicegraph.checks.observing import Watcher
from servicegraph.model.ids import Kind
from servicegraph.reconcile.looks import Look, Looks

SEES = frozenset({Kind.SERVICE})


def at(hour: int) -> datetime:
    return datetime(2026, 1, 1, hour, tzinfo=UTC)


def looked(looks: Looks, version: int) -> list[datetime | None]:
    watchers = looks.watchers(version)
    assert watchers is not None
    return [one.looked for one in watchers]


def test_nothing_is_known_before_it_is_known_which_sources_there_are() -> None:
    looks = Looks()
    assert looks.watchers(5) is None
    looks.keep([], {})
    assert looks.watchers(5) == ()


def test_a_look_counts_from_the_version_on_that_holds_what_it_has_shown() -> None:
    looks = Looks()
    looks.begin({"otel": Look(SEES, at(1), 4)})
    assert looks.note("otel", Look(SEES, at(2), 6))
    assert looked(looks, 5) == [at(1)]
    assert looked(looks, 6) == [at(2)]
    assert looked(looks, 5) == [at(2)], "a version that was reached stays reached"


def test_a_look_of_the_same_version_counts_at_once_and_changes_no_verdict() -> None:
    looks = Looks()
    looks.begin({"otel": Look(SEES, at(1), 4)})
    assert not looks.note("otel", Look(SEES, at(2), 4))
    assert looked(looks, 4) == [at(2)]


def test_while_no_graph_comes_only_the_newest_look_waits() -> None:
    looks = Looks()
    looks.begin({"otel": Look(SEES, at(1), 4)})
    for hour in range(2, 20):
        looks.note("otel", Look(SEES, at(hour), 4 + hour))
        assert looked(looks, 4) == [at(1)]
    assert looked(looks, 23) == [at(19)]


def test_a_source_that_never_answered_is_a_source_all_the_same() -> None:
    looks = Looks()
    looks.keep(["otel"], {"otel": SEES})
    assert looks.watchers(0) == (Watcher(SEES, None),)
    assert looks.note("otel", Look(SEES, at(2), 0))
    assert looked(looks, 0) == [at(2)]


def test_a_source_keeps_its_look_while_it_exists_and_cannot_be_polled() -> None:
    looks = Looks()
    looks.begin({"otel": Look(SEES, at(1), 4), "tempo": Look(SEES, at(2), 4)})
    looks.keep(["otel"], {})
    assert looked(looks, 4) == [at(1)]
    assert not looks.note("tempo", Look(SEES, at(3), 4)), "nobody asks for one that is gone"
    assert looked(looks, 4) == [at(1)]


def test_what_a_source_shows_that_never_answered_is_what_its_spec_says_after_a_restart_too() -> None:
    looks = Looks()
    looks.begin({"otel": Look(frozenset(), None, 3)})
    looks.keep(["otel"], {"otel": SEES})
    assert looks.watchers(3) == (Watcher(SEES, None),)
