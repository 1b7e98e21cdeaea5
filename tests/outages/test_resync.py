"""What the watch does not say, the full comparison finds; and what a list does not show is not always gone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from faults.apiserver import is_later_page, is_list, is_of_kopf
from faults.gates import Moment
from outages.readers import Reader
from support.operators import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from outages.conftest import Scene
    from outages.team import Team
    from support.operators import Operator

pytestmark = pytest.mark.usefixtures("healed")

_SECONDS = "0.02"  # in minutes: a comparison each 1.2 seconds
MANY = 110


@pytest.fixture(scope="module")
def team(scene: Scene) -> Team:
    return scene.team()


@pytest.fixture
def start(scene: Scene) -> Iterator[Callable[..., Operator]]:
    """Start an operator with these settings; it ends with the test."""
    started: list[Operator] = []

    def begin(**settings: str) -> Operator:
        operator = scene.operator(**settings)
        started.append(operator)
        return operator.start()

    yield begin
    for operator in started:
        if operator.process is not None:
            operator.stop()


def test_what_the_watch_missed_is_found_again_and_again(
    scene: Scene, team: Team, start: Callable[..., Operator]
) -> None:
    operator = start(RESYNC_MINUTES=_SECONDS)
    team.apply("changed", "x")
    team.apply("deleted", "x")
    team.settle(operator)
    eventually(lambda: scene.apiserver.watches > 0, "the watch is open")
    with Reader(operator):
        scene.apiserver.silence()
        team.apply("missed", "x")
        team.apply("changed", "y")
        team.delete("deleted")
        team.settle(operator)
        # The watch is under suspicion by now, and the comparisons go on all the same.
        team.delete("changed")
        team.apply("missed", "y", "z")
        team.settle(operator)
        assert operator.metric("servicegraph_resync_missed_total") > 0


def test_a_watch_that_has_fallen_silent_is_noticed_and_started_anew(scene: Scene, team: Team) -> None:
    operator = scene.operator(RESYNC_MINUTES=_SECONDS)
    operator.program = (sys.executable, str(Path(__file__).with_name("impatient.py")))
    operator.start()
    try:
        team.settle(operator)
        eventually(lambda: scene.apiserver.watches > 0, "the watch is open")
        with Reader(operator):
            scene.apiserver.silence()
            team.apply("unheard", "x")
            eventually(
                lambda: operator.metric("servicegraph_watch_restarts_total", why="asked") > 0, "a new watch"
            )
            assert "watch" in operator.get("/readyz").json()["degraded"]
            scene.heal()
            team.apply("heard", "x")
            team.settle(operator)
            eventually(lambda: not operator.get("/readyz").json()["degraded"], "nothing is wrong any more")
    finally:
        operator.stop()


def test_a_watch_that_never_works_is_noticed_from_the_first_comparison_on(scene: Scene, team: Team) -> None:
    operator = scene.operator()
    operator.program = (sys.executable, str(Path(__file__).with_name("impatient.py")))
    scene.apiserver.answer(503, is_of_kopf)
    operator.start()
    try:
        eventually(lambda: "watch" in operator.get("/readyz").json()["degraded"], "the watch is found deaf")
        scene.heal()
        team.settle(operator)
        eventually(lambda: not operator.get("/readyz").json()["degraded"], "nothing is wrong any more")
    finally:
        operator.stop()


@pytest.mark.parametrize("last_word", ["update", "deletion"])
def test_a_list_that_comes_late_does_not_undo_what_the_watch_has_said_meanwhile(
    scene: Scene, team: Team, start: Callable[..., Operator], last_word: str
) -> None:
    operator = start()
    team.apply("late", "x")
    team.settle(operator)
    eventually(lambda: scene.apiserver.watches > 0, "the watch is open")
    # A change that is not stored yet, and a comparison in whose list it is and whose answer takes its time.
    scene.postgres.stop_at(1, Moment.BEFORE)
    team.apply("late", "y")
    assert scene.postgres.reached.wait(30)
    scene.apiserver.answer_late(lambda request: is_list(request) and not is_of_kopf(request))
    scene.apiserver.end_watches(410, "Expired")
    eventually(lambda: scene.apiserver.late > 0, "the comparison waits for its list")
    # Meanwhile the watch goes on.
    if last_word == "update":
        team.apply("late", "z")
    else:
        team.delete("late")
    waiting = operator.metric("servicegraph_inbox_depth")
    team.apply(f"behind-the-{last_word}", "x")
    eventually(lambda: operator.metric("servicegraph_inbox_depth") > waiting, "the watch has said both")
    done = operator.metric("servicegraph_resyncs_total", result="done")
    scene.apiserver.let_one_pass()
    eventually(lambda: operator.metric("servicegraph_resyncs_total", result="done") > done, "it has compared")
    scene.postgres.heal()
    team.settle(operator)  # without the help of another comparison


@pytest.mark.soak
def test_a_watch_that_has_fallen_silent_is_replaced_after_its_minute(
    scene: Scene, team: Team, start: Callable[..., Operator]
) -> None:
    operator = start(RESYNC_MINUTES=_SECONDS)
    team.settle(operator)
    with Reader(operator):
        scene.apiserver.silence()
        team.apply("unheard", "x")
        team.settle(operator)  # by the comparison
        eventually(
            lambda: operator.metric("servicegraph_watch_restarts_total", why="asked") > 0, "a new watch", 120
        )


@pytest.mark.soak
def test_a_watch_that_stays_deaf_through_three_restarts_turns_healthz_red_and_reads_go_on(
    scene: Scene, team: Team
) -> None:
    operator = scene.operator(RESYNC_MINUTES=_SECONDS)
    operator.program = (sys.executable, str(Path(__file__).with_name("impatient.py")))
    operator.start()
    try:
        team.settle(operator)
        scene.apiserver.answer(503, is_of_kopf)
        scene.apiserver.cut()
        team.apply("never-heard", "x")
        eventually(lambda: operator.get("/healthz").status == 503, "only a restart of the process is left")
        assert operator.get("/readyz").status == 200
        team.settle(operator)  # by the comparisons alone
    finally:
        operator.stop()


def test_a_list_that_breaks_off_removes_nothing(
    scene: Scene, team: Team, start: Callable[..., Operator]
) -> None:
    for number in range(5):
        team.apply(f"page-{number}", "x")
    operator = start()
    team.settle(operator)
    operator.kill()

    team.delete("page-0")
    before = team.edges | {(f"{team.namespace}/page-0", f"{team.namespace}/x")}
    scene.apiserver.small_pages(2)
    scene.apiserver.answer(500, is_later_page)
    operator.start()
    eventually(lambda: "resync" in operator.get("/readyz").json()["degraded"], "the comparison has failed")
    eventually(lambda: scene.apiserver.refused >= 3, "it has been tried again")
    assert operator.edges(team.namespace) == before
    scene.apiserver.answer(500, is_list)
    refused = scene.apiserver.refused
    eventually(lambda: scene.apiserver.refused > refused, "the first page is refused, too")
    assert operator.edges(team.namespace) == before

    scene.heal()
    team.settle(operator)


def test_the_removal_of_most_objects_at_once_is_refused_until_it_is_allowed(
    scene: Scene, team: Team, start: Callable[..., Operator]
) -> None:
    for number in range(MANY):
        team.apply(f"many-{number}", "hub")
    operator = start(STATUS_WRITES_PER_SECOND="1000")
    team.settle(operator)
    operator.kill()
    before = team.edges
    for number in range(MANY):
        team.delete(f"many-{number}")

    operator = start()
    eventually(lambda: operator.metric("servicegraph_resync_orphans") == MANY, "the metric counts them")
    refusal = operator.get("/readyz").json()["degraded"]["resync"]
    assert "RESYNC_MAX_REMOVAL=1" in refusal
    assert str(MANY) in refusal
    assert operator.edges(team.namespace) == before
    team.apply("others-go-on", "hub")
    eventually(lambda: operator.edges(team.namespace) == before | team.edges, "what is new arrives")
    operator.kill()

    operator = start(RESYNC_MAX_REMOVAL="1")
    team.settle(operator)
    assert operator.metric("servicegraph_resync_orphans") == 0
    assert not operator.get("/readyz").json()["degraded"]


@pytest.mark.soak
def test_deletions_that_the_watch_delivers_are_never_too_many(
    team: Team, start: Callable[..., Operator]
) -> None:
    for number in range(MANY):
        team.apply(f"many-{number}", "hub")
    operator = start(STATUS_WRITES_PER_SECOND="1000")
    team.settle(operator)
    for number in range(MANY):
        team.delete(f"many-{number}")
    team.settle(operator)
