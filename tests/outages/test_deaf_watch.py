"""A watch that looks alive and says nothing is found, started anew, and in the end given up; reads and comparisons go on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from faults.apiserver import is_of_kopf
from outages.readers import Reader
from support.operators import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from outages.conftest import Scene
    from outages.team import Team
    from support.operators import Operator

pytestmark = pytest.mark.usefixtures("healed")

_OFTEN = "0.02"  # in minutes: a comparison each 1.2 seconds


@pytest.fixture(scope="module")
def team(scene: Scene) -> Team:
    return scene.team()


@pytest.fixture
def impatient(scene: Scene) -> Iterator[Operator]:
    """An operator that compares often and gives a watch only seconds to deliver; not started."""
    operator = scene.operator(RESYNC_MINUTES=_OFTEN)
    operator.program = (sys.executable, str(Path(__file__).with_name("impatient.py")))
    yield operator
    if operator.process is not None:
        operator.stop()


def test_a_watch_that_has_fallen_silent_is_noticed_and_started_anew(
    scene: Scene, team: Team, impatient: Operator
) -> None:
    impatient.start()
    team.settle(impatient)
    eventually(lambda: scene.apiserver.watches > 0, "the watch is open")
    with Reader(impatient):
        scene.apiserver.silence()
        team.apply("unheard", "x")
        eventually(
            lambda: impatient.metric("servicegraph_watch_restarts_total", why="asked") > 0, "a new watch"
        )
        assert "watch" in impatient.degraded()
        scene.heal()
        team.apply("heard", "x")
        team.settle(impatient)
        eventually(lambda: not impatient.degraded(), "nothing is wrong any more")


def test_a_watch_that_never_works_is_noticed_from_the_first_comparison_on(
    scene: Scene, team: Team, impatient: Operator
) -> None:
    impatient.extra = {}  # there is no second comparison for a long time
    scene.apiserver.answer(503, is_of_kopf)
    impatient.start()
    eventually(lambda: "watch" in impatient.degraded(), "the watch is found deaf")
    scene.heal()
    team.settle(impatient)
    eventually(lambda: not impatient.degraded(), "nothing is wrong any more")


@pytest.mark.soak
def test_a_watch_that_has_fallen_silent_is_replaced_after_its_minute(
    scene: Scene, team: Team, start: Callable[..., Operator]
) -> None:
    operator = start(RESYNC_MINUTES=_OFTEN)
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
    scene: Scene, team: Team, impatient: Operator
) -> None:
    impatient.start()
    team.settle(impatient)
    scene.apiserver.answer(503, is_of_kopf)
    scene.apiserver.cut()
    team.apply("never-heard", "x")
    eventually(lambda: impatient.get("/healthz").status == 503, "only a restart of the process is left")
    assert impatient.get("/readyz").status == 200
    team.settle(impatient)  # by the comparisons alone
