"""What the watch does not say, the full comparison finds; and what a list does not show is not always gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from faults.apiserver import is_later_page, is_list, is_of_kopf, is_status_write
from faults.gates import Moment
from outages.readers import Reader
from outages.team import ANCHOR, GROUND
from support.operators import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from outages.conftest import Scene
    from outages.team import Team
    from support.operators import Operator

pytestmark = pytest.mark.usefixtures("healed")

_SECONDS = "0.02"  # in minutes: a comparison each 1.2 seconds
MANY = 110


@pytest.fixture(scope="module")
def team(scene: Scene) -> Team:
    return scene.team()


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


def test_when_everything_is_deleted_while_the_watch_is_started_anew_a_comparison_finds_it(
    scene: Scene, team: Team, start: Callable[..., Operator]
) -> None:
    operator = start()
    team.settle(operator)
    eventually(lambda: scene.apiserver.watches > 0, "the watch is open")
    scene.apiserver.silence()
    team.delete_all()
    scene.apiserver.end_watches(500, "InternalError")
    scene.apiserver.heal()
    team.settle(operator)  # though the list of the new round shows nothing that could be told
    eventually(lambda: not operator.get("/readyz").json()["degraded"], "nothing is wrong any more")
    team.apply(ANCHOR, GROUND)
    team.settle(operator)


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


def test_a_status_that_was_forbidden_is_written_once_it_is_allowed(
    scene: Scene, team: Team, start: Callable[..., Operator]
) -> None:
    operator = start(RESYNC_MINUTES=_SECONDS)
    team.settle(operator)
    scene.apiserver.answer(403, is_status_write)
    team.apply("forbidden", "x")
    eventually(
        lambda: operator.metric("servicegraph_status_writes_total", result="refused") > 0, "it is refused"
    )
    scene.heal()
    team.settle(operator)


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
