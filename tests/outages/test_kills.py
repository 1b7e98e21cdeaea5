"""Killed at every single write, the operator finishes as if nothing had happened.

A write is a COMMIT or a PATCH of a status; it is killed before and after each. The proxies stop it there, so that it dies at that
very point and not near it. One lap tells the story once and kills at most once in every step, at a point of that step; all laps
together kill at every point.
"""

from __future__ import annotations

import itertools
import random
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import pytest

from faults.gates import Moment
from outages.conftest import scene_of
from outages.story import STEPS, end_of
from support.operators import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from outages.conftest import Scene
    from outages.story import Step
    from outages.team import Team
    from servicegraph.local.cluster import Cluster
    from support.operators import Operator


class Point(NamedTuple):
    """Where to kill within a step."""

    way: str  # commit or patch
    number: int
    moment: Moment


@dataclass
class Told:
    """A story that was told to its end."""

    end: dict[str, Any]
    points: list[list[Point]]
    """Of each step, where one could have killed."""
    killed: list[bool]
    """Of each step, whether it came to that."""


def tell(folder: Any, control_plane: Cluster, plan: Sequence[Point | None]) -> Told:
    """Tell the story, and kill the operator in each step where the plan says."""
    with scene_of(folder, control_plane) as scene:
        team = scene.team()
        operator = scene.operator().start()
        try:
            team.settle(operator)
            points, killed = [], []
            for step, point in zip(STEPS, plan, strict=True):
                killed.append(_take(step, scene, team, operator, point))
                points.append(
                    [*_points("commit", scene.postgres.commits), *_points("patch", scene.apiserver.patches)]
                )
            return Told(end_of(team, operator), points, killed)
        finally:
            scene.heal()
            operator.stop()


def _take(step: Step, scene: Scene, team: Team, operator: Operator, point: Point | None) -> bool:
    """One step; True if the operator was killed in it."""
    scene.heal()  # counts anew
    if point is not None:
        proxy = scene.postgres if point.way == "commit" else scene.apiserver
        stop = scene.postgres.stop_at_commit if point.way == "commit" else scene.apiserver.stop_at_patch
        stop(point.number, point.moment)
    step(team)
    if point is not None:
        eventually(
            lambda: proxy.reached.is_set() or team.is_settled(operator),
            f"{step.__name__} gets on, or to {point}",
        )
        if proxy.reached.is_set():
            operator.kill()
            scene.heal()
            operator.start()
            team.settle(operator)
            return True
    team.settle(operator)
    return False


def _points(way: str, count: int) -> Iterator[Point]:
    return (Point(way, number, moment) for number in range(1, count + 1) for moment in Moment)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, control_plane: Cluster) -> Told:
    """The story as it goes when nobody is killed."""
    return tell(tmp_path_factory.mktemp("undisturbed"), control_plane, [None] * len(STEPS))


def test_killed_somewhere_in_every_step_it_ends_as_if_nothing_had_happened(
    tmp_path_factory: pytest.TempPathFactory, control_plane: Cluster, undisturbed: Told
) -> None:
    seed = secrets.randbelow(2**32)
    choose = random.Random(seed)
    plan = [choose.choice(points) for points in undisturbed.points]
    print(f"seed {seed}: {plan}")  # noqa: T201 - what replays a failure
    told = tell(tmp_path_factory.mktemp("sample"), control_plane, plan)
    assert told.end == undisturbed.end
    assert sum(told.killed) >= len(STEPS) // 2, told.killed


@pytest.mark.soak
def test_killed_before_and_after_every_single_write_it_ends_as_if_nothing_had_happened(
    tmp_path_factory: pytest.TempPathFactory, control_plane: Cluster, undisturbed: Told
) -> None:
    print(f"points of each step: {[len(points) for points in undisturbed.points]}")
    kills = 0
    for lap, plan in enumerate(itertools.zip_longest(*undisturbed.points)):
        told = tell(tmp_path_factory.mktemp(f"lap-{lap}"), control_plane, plan)
        assert told.end == undisturbed.end, plan
        kills += sum(told.killed)
        print(f"lap {lap}: {sum(told.killed)} of {sum(one is not None for one in plan)} points reached")  # noqa: T201
    assert kills >= sum(map(len, undisturbed.points)) * 0.8
