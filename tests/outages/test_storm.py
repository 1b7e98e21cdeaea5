"""Outages as long as they happen to be, and outages at random, one into another."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest

from faults.apiserver import is_anything, is_list, is_status_write
from outages.readers import Reader
from outages.team import ANCHOR
from support import soaking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from outages.conftest import Scene
    from outages.team import Team
    from support.operators import Operator

pytestmark = [pytest.mark.soak, pytest.mark.usefixtures("healed")]

NAMES = [f"service-{number}" for number in range(12)]


@pytest.fixture(scope="module")
def survivor(scene: Scene) -> Iterator[tuple[Operator, Team]]:
    """An operator that compares often: events that are swallowed are found by nothing else."""
    team = scene.team()
    operator = scene.operator(RESYNC_MINUTES="0.1").start()
    team.settle(operator)
    yield operator, team
    scene.heal()
    operator.stop()


def faults_of(scene: Scene) -> dict[str, Callable[[], None]]:
    """All that can be done to a running operator from outside."""
    postgres, apiserver = scene.postgres, scene.apiserver

    def expire() -> None:
        apiserver.silence()
        apiserver.end_watches(410, "Expired")

    return {
        "postgres refuses": postgres.refuse,
        "postgres cuts": postgres.cut,
        "postgres holds": postgres.hold,
        "postgres is slow": lambda: postgres.slow_down(0.02),
        "postgres is killed": scene.server.kill,
        "postgres is stopped": scene.server.stop,
        "apiserver refuses": apiserver.refuse,
        "apiserver cuts": apiserver.cut,
        "apiserver holds": apiserver.hold,
        "apiserver fails": lambda: apiserver.answer(500, is_anything),
        "apiserver asks for patience": lambda: apiserver.answer(429, is_anything, {"Retry-After": "1"}),
        "lists fail": lambda: apiserver.answer(503, is_list),
        "status writes conflict": lambda: apiserver.answer(409, is_status_write),
        "watches miss something and expire": expire,
        "watches fail": lambda: apiserver.end_watches(500, "InternalError"),
    }


def change_something(team: Team, choose: random.Random) -> None:
    """Declare something anew or delete it."""
    name = choose.choice(NAMES)
    if name in team.declared and choose.random() < 0.3:
        team.delete(name)
    else:
        team.apply(name, *choose.sample([one for one in NAMES if one != name], choose.randrange(5)))


@pytest.mark.parametrize(("fault", "seconds"), [("apiserver refuses", 20), ("apiserver fails", 120)])
def test_an_api_server_away_for_long_is_caught_up_with(
    scene: Scene, survivor: tuple[Operator, Team], fault: str, seconds: float
) -> None:
    operator, team = survivor
    choose = random.Random(fault)
    with Reader(operator):
        faults_of(scene)[fault]()
        scene.apiserver.cut()
        for _ in range(20):
            change_something(team, choose)
        soaking.go_on_for(seconds)
        scene.heal()
        team.settle(operator)


def test_a_storm_of_outages_ends_in_the_graph_that_the_objects_declare(
    scene: Scene, survivor: tuple[Operator, Team]
) -> None:
    operator, team = survivor
    seed, until = soaking.seed(), time.monotonic() + 60 * soaking.minutes()
    print(f"\na storm of {soaking.minutes():g} minutes; SOAK_SEED={seed} replays it")  # noqa: T201
    choose = random.Random(seed)
    rounds = 0
    while time.monotonic() < until:
        rounds += 1
        said: list[str] = []
        with Reader(operator):
            for _ in range(choose.randint(1, 3)):
                said.append(choose.choice(list(faults_of(scene))))
                if scene.server.process is not None or "postgres is" not in said[-1]:
                    faults_of(scene)[said[-1]]()
                for _ in range(choose.randrange(6)):
                    change_something(team, choose)
                soaking.go_on_for(choose.random() * 3)
            scene.heal()
            try:
                team.settle(operator)
            except AssertionError as error:
                raise AssertionError(f"round {rounds} of SOAK_SEED={seed}: {said}") from error
    assert ANCHOR in team.declared
    print(f"{rounds} rounds")  # noqa: T201
