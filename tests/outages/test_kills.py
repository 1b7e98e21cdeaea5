"""Killed at every single write, the operator finishes as if nothing had happened.

A write is a COMMIT or a PATCH of a status; it is killed before and after each. The proxies stop it there, so that it dies at
that very point and not near it. A lap tells the story once and kills at most once in every step; all laps together kill at
every point that a lap without kills has seen.
"""

from __future__ import annotations

import itertools
import random
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import pytest

from faults.gates import Moment
from outages.conftest import scene_of
from outages.story import STEPS, end_of
from support import soaking
from support.operators import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from outages.conftest import Scene
    from outages.servers import MortalPostgres
    from outages.story import Step
    from outages.team import Team
    from servicegraph.local.cluster import Cluster
    from support.operators import Operator

    End = dict[str, Any]
    Tell = Callable[..., "Told"]


class Point(NamedTuple):
    """Where to kill within a step."""

    way: str  # commit or patch
    number: int
    moment: Moment


@dataclass
class Told:
    """A story that was told to its end."""

    end: End
    points: list[list[Point]]
    """Of each step, where one could have killed."""
    killed: list[bool]
    """Of each step, whether it came to that."""


@pytest.fixture(scope="module")
def tell(
    tmp_path_factory: pytest.TempPathFactory, control_plane: Cluster, mortal_postgres: MortalPostgres
) -> Tell:
    """Tell the story, kill the operator in each step where the plan says, and wait for the end, if one is expected."""

    def from_the_beginning(plan: Sequence[Point | None], end: End | None = None) -> Told:
        folder = tmp_path_factory.mktemp("story")
        with scene_of(folder, control_plane, mortal_postgres) as scene:
            team = scene.team()
            operator = scene.operator().start()
            try:
                team.settle(operator)
                points, killed = [], []
                for step, point in zip(STEPS, plan, strict=True):
                    killed.append(_take(step, scene, team, operator, point))
                    points.append(
                        [
                            *_points("commit", scene.postgres.commits),
                            *_points("patch", scene.apiserver.patches),
                        ]
                    )
                if end is not None:
                    with suppress(AssertionError):  # the caller shows how it differs
                        eventually(lambda: end_of(team, operator) == end, "the story ends as expected")
                return Told(end_of(team, operator), points, killed)
            finally:
                scene.heal()
                if operator.process is not None:
                    operator.kill()

    return from_the_beginning


def _take(step: Step, scene: Scene, team: Team, operator: Operator, point: Point | None) -> bool:
    """One step; True if the operator was killed in it."""
    scene.heal()  # counts anew
    if point is None:
        step(team)
        team.settle(operator)
        return False
    proxy = scene.postgres if point.way == "commit" else scene.apiserver
    proxy.stop_at(point.number, point.moment)
    step(team)
    eventually(
        lambda: proxy.reached.is_set() or team.is_settled(operator), f"{step.__name__} gets on, or to {point}"
    )
    killed = proxy.reached.is_set()
    if killed:
        operator.kill()
        scene.heal()
        operator.start()
    team.settle(operator)
    return killed


def _points(way: str, count: int) -> Iterator[Point]:
    return (Point(way, number, moment) for number in range(1, count + 1) for moment in Moment)


@pytest.fixture(scope="module")
def undisturbed(tell: Tell) -> Told:
    """The story as it goes when nobody is killed."""
    return tell([None] * len(STEPS))


def test_killed_somewhere_in_half_of_the_steps_it_ends_as_if_nothing_had_happened(
    tell: Tell, undisturbed: Told
) -> None:
    seed = soaking.seed()
    choose = random.Random(seed)
    steps = choose.sample(range(len(STEPS)), len(STEPS) // 2)
    plan = [
        choose.choice(points) if step in steps else None for step, points in enumerate(undisturbed.points)
    ]
    told = tell(plan, undisturbed.end)
    assert told.end == undisturbed.end, f"SOAK_SEED={seed}: {plan}"
    assert any(told.killed), f"SOAK_SEED={seed}: {plan}"


@pytest.mark.soak
def test_killed_before_and_after_every_single_write_it_ends_as_if_nothing_had_happened(
    tell: Tell, undisturbed: Told
) -> None:
    reached = 0
    for plan in itertools.zip_longest(*undisturbed.points):
        told = tell(plan, undisturbed.end)
        assert told.end == undisturbed.end, plan
        reached += sum(told.killed)
    # A step may do with fewer writes than it did before: what comes in quick succession may share a batch.
    assert reached >= 0.9 * sum(map(len, undisturbed.points))
