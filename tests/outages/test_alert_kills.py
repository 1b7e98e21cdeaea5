"""Killed at every single write of a circle's life, the operator ends as if nothing had happened, and tells nothing twice.

The life: a circle opens, grows, is acknowledged, splits, is resolved. Each step changes one object, so that what has to be told
of it does not depend on what happens to share a batch. A write is a COMMIT, or anything that changes something at the API
server: a status, an alert that is created, an Event.
"""

from __future__ import annotations

import random
import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from faults.gates import Moment
from outages.conftest import scene_of
from servicegraph.model.cyclealert import INSTANCE_LABEL
from support.operators import eventually
from support.ringed import Ringed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from outages.conftest import Scene
    from outages.servers import MortalPostgres
    from outages.team import Team
    from servicegraph.local.cluster import Cluster
    from support.operators import Operator


@dataclass
class Life:
    """One operator, one team, their circles."""

    scene: Scene
    team: Team
    operator: Operator
    rings: Ringed

    def is_settled(self, states: dict[str, str]) -> bool:
        """Whether the alerts are in these states, every Event is written, and every declaration has its answer."""
        return (
            self.rings.states() == states
            and not self.stored("SELECT 1 FROM transitions WHERE NOT announced")
            and self.team.is_settled(self.operator)
            and self._conditions()
            == set("".join(one for one, state in states.items() if state != "Resolved"))
        )

    def _conditions(self) -> set[str]:
        """The declarations that are told that they are part of a circle."""
        return {
            name
            for name, body in self.team.objects().items()
            for one in body["status"].get("conditions", ())
            if (one["type"], one["status"]) == ("InCycle", "True")
        }

    def stored(self, query: str) -> list[Any]:
        return self.scene.server.fetch(query, self.scene.database)

    def end(self) -> dict[str, Any]:
        """All that can be seen in the end, without times, versions, and what the namespace makes different."""
        alerts = self.rings.alerts()
        letters = {
            one["metadata"]["name"]: "".join(member[-1] for member in one["status"]["members"])
            for one in alerts
        }
        told = self.stored("SELECT alert, kind, reason FROM transitions ORDER BY version, alert, kind")
        return {
            "alerts": {
                letters[one["metadata"]["name"]]: {
                    **{field: one["status"].get(field) for field in ("state", "severity", "memberCount")},
                    "conditions": [condition["reason"] for condition in one["status"]["conditions"]],
                }
                for one in alerts
            },
            "told": sorted((letters[row["alert"]], row["kind"], row["reason"]) for row in told),
            "events": {letters[name]: self.rings.events(name) for name in letters},
            "events of a": self.rings.events("a", self.team.namespace),
        }


Step = tuple[str, "Callable[[Life], object]", dict[str, str]]
STEPS: tuple[Step, ...] = (
    ("open", lambda life: life.team.apply("b", "a"), {"ab": "Open"}),
    ("grow", lambda life: life.team.apply("a", "b", "c"), {"abc": "Open"}),
    ("merge", lambda life: life.team.apply("d", "c"), {"abcd": "Open"}),
    (
        "acknowledge",
        lambda life: life.rings.acknowledge(life.rings.name("abcd"), reason="known"),
        {"abcd": "Acknowledged"},
    ),
    ("split", lambda life: life.team.apply("a", "b"), {"ab": "Acknowledged", "cd": "Open"}),
    ("resolve", lambda life: life.team.apply("d"), {"ab": "Acknowledged", "cd": "Resolved"}),
    ("resolve all", lambda life: life.team.apply("b"), {"ab": "Resolved", "cd": "Resolved"}),
)
WAYS = ("commits", "patches")


@contextmanager
def begun(folder: Path, control_plane: Cluster, server: MortalPostgres) -> Iterator[Life]:
    """A life before its first step, with an operator that runs."""
    with scene_of(folder, control_plane, server) as scene:
        scene.apiserver.gate_every_write()
        team = scene.team()
        for name, targets in (("a", "b"), ("b", ""), ("c", "ad"), ("d", "")):
            team.apply(name, *targets)
        operator = scene.operator().start()
        rings = Ringed(control_plane.kubectl, scene.direct, operator, team.namespace)
        life = Life(scene, team, operator, rings)
        try:
            eventually(lambda: life.is_settled({}), "it begins without a circle")
            yield life
        finally:
            scene.heal()
            if operator.process is not None:
                operator.kill()
            control_plane.kubectl("delete", "cyclealerts", f"--selector={INSTANCE_LABEL}={operator.instance}")


Point = tuple[str, int, Moment]


def take(life: Life, step: Step, point: Point | None) -> bool:
    """One step; True if the operator was killed in it."""
    name, act, states = step
    life.scene.heal()  # counts anew
    proxy = life.scene.postgres if point and point[0] == "commits" else life.scene.apiserver
    if point:
        proxy.stop_at(*point[1:])
    act(life)
    eventually(
        lambda: bool(point and proxy.reached.is_set()) or life.is_settled(states),
        f"{name} gets on, or to {point}",
    )
    killed = bool(point and proxy.reached.is_set())
    if killed:
        life.operator.kill()
        life.scene.heal()
        life.operator.start()
        eventually(lambda: life.is_settled(states), f"{name} is done after a kill at {point}")
    return killed


@dataclass
class Undisturbed:
    """How it goes when nobody is killed."""

    end: dict[str, Any]
    points: list[list[Point]]
    """Of each step, where one could have killed."""


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, control_plane: Cluster, mortal_postgres: MortalPostgres
) -> Undisturbed:
    points = []
    with begun(tmp_path_factory.mktemp("life"), control_plane, mortal_postgres) as life:
        for step in STEPS:
            take(life, step, None)
            counts = (life.scene.postgres.commits, life.scene.apiserver.patches)
            points.append(
                [
                    (way, number, moment)
                    for way, count in zip(WAYS, counts, strict=True)
                    for number in range(1, count + 1)
                    for moment in Moment
                ]
            )
        return Undisturbed(life.end(), points)


def test_a_life_that_nobody_disturbs_is_told_once(undisturbed: Undisturbed) -> None:
    assert undisturbed.end["told"] == [
        ("ab", "CycleAcknowledged", "AcknowledgedOnAlert"),
        ("ab", "CycleGrew", "MembersJoined"),
        ("ab", "CycleGrew", "MembersJoined"),
        ("ab", "CycleOpened", "NewCircle"),
        ("ab", "CycleResolved", "NoCircleLeft"),
        ("ab", "CycleShrank", "Split"),
        ("cd", "CycleOpened", "SplitFrom"),
        ("cd", "CycleResolved", "NoCircleLeft"),
    ]
    assert undisturbed.end["events"]["cd"] == {"CycleOpened": 1, "CycleResolved": 1}


def test_killed_somewhere_in_some_steps_it_ends_as_if_nothing_had_happened(
    tmp_path: Path, control_plane: Cluster, mortal_postgres: MortalPostgres, undisturbed: Undisturbed
) -> None:
    seed = secrets.randbelow(2**32)
    choose = random.Random(seed)
    killing = choose.sample(range(len(STEPS)), 3)
    killed = 0
    with begun(tmp_path, control_plane, mortal_postgres) as life:
        for number, step in enumerate(STEPS):
            point = choose.choice(undisturbed.points[number]) if number in killing else None
            killed += take(life, step, point)
        assert life.end() == undisturbed.end, f"seed {seed}"
    assert killed, f"seed {seed}"


@pytest.mark.soak
def test_killed_before_and_after_every_single_write_it_ends_as_if_nothing_had_happened(
    tmp_path_factory: pytest.TempPathFactory,
    control_plane: Cluster,
    mortal_postgres: MortalPostgres,
    undisturbed: Undisturbed,
) -> None:
    reached = 0
    for lap in range(max(map(len, undisturbed.points))):
        with begun(tmp_path_factory.mktemp("life"), control_plane, mortal_postgres) as life:
            for step, points in zip(STEPS, undisturbed.points, strict=True):
                reached += take(life, step, points[lap] if lap < len(points) else None)
            assert life.end() == undisturbed.end, f"lap {lap}"
    # A step may do with fewer writes than it did before: what comes in quick succession may share a batch.
    assert reached >= 0.8 * sum(map(len, undisturbed.points))
