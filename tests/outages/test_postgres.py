"""Postgres away, half away, slow, read-only: reads go on from the snapshot, and what was declared meanwhile arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from faults.gates import Moment
from outages.readers import Reader
from support.operators import eventually

if TYPE_CHECKING:
    from outages.conftest import Scene
    from outages.team import Team
    from support.operators import Operator

pytestmark = pytest.mark.usefixtures("healed")


def test_an_operator_that_starts_before_postgres_waits_and_says_so(scene: Scene) -> None:
    team = scene.team()
    scene.postgres.refuse()
    operator = scene.operator().start(ready=False)
    try:
        answer = operator.get("/readyz")
        assert answer.status == 503
        assert operator.get("/healthz").status == 200
        assert operator.get("/api/v1/edges").status == 503, "no graph is never shown as an empty one"
        eventually(lambda: "Postgres" in str(operator.degraded()), "what is awaited stands in /readyz")

        scene.heal()
        eventually(lambda: operator.get("/readyz").status == 200, "it is ready once Postgres is there")
        eventually(lambda: operator.get("/api/v1/edges").status == 200, "and knows the keys a moment later")
        team.settle(operator)
        eventually(lambda: not operator.degraded(), "nothing is wrong any more")
    finally:
        operator.stop()


@pytest.mark.parametrize("moment", Moment)
def test_a_postgres_killed_in_mid_batch_loses_and_doubles_nothing(
    scene: Scene, survivor: tuple[Operator, Team], moment: Moment
) -> None:
    operator, team = survivor
    with Reader(operator) as reader:
        scene.postgres.stop_at(1, moment)
        team.apply(f"killed-{moment.value}", "x", "y")
        assert scene.postgres.reached.wait(30)
        scene.server.kill()
        eventually(lambda: reader.stale > 0, "answers say that they may be old")
        eventually(lambda: "Postgres" in str(operator.degraded()), "/readyz names what is away")
        team.apply(f"killed-{moment.value}", "y", "z")
        scene.heal()
        team.settle(operator)
    eventually(lambda: not operator.degraded(), "nothing is wrong any more")


def test_a_restart_of_postgres_is_lived_through(scene: Scene, survivor: tuple[Operator, Team]) -> None:
    operator, team = survivor
    with Reader(operator):
        scene.server.stop()
        team.apply("while-restarting", "x")
        scene.server.start()
        team.settle(operator)
        eventually(
            lambda: "X-Graph-Stale" not in operator.get("/api/v1/edges").headers,
            "answers are known to be new",
        )


def test_a_postgres_without_a_free_connection_is_waited_for(
    scene: Scene, survivor: tuple[Operator, Team]
) -> None:
    operator, team = survivor
    with Reader(operator):
        scene.postgres.refuse()  # so that none of the operator's connections is left when all are taken
        with scene.server.no_connection_free():
            scene.postgres.heal()
            team.apply("out-of-connections", "x")
            eventually(
                lambda: "too many clients" in str(operator.degraded()), "/readyz says what Postgres says"
            )
        team.settle(operator)


def test_a_slow_postgres_is_only_slow(scene: Scene, survivor: tuple[Operator, Team]) -> None:
    operator, team = survivor
    with Reader(operator):
        scene.postgres.slow_down(0.02)
        team.apply("slow", "x", "y")
        team.settle(operator)
        team.delete("slow")
        team.settle(operator)


def test_a_network_that_swallows_everything_makes_answers_stale_and_never_wrong(
    scene: Scene, survivor: tuple[Operator, Team]
) -> None:
    operator, team = survivor
    with Reader(operator) as reader:
        scene.postgres.hold()
        team.apply("swallowed", "x")
        eventually(lambda: reader.stale > 0, "answers say that they may be old")
        scene.postgres.cut()
        scene.heal()
        team.settle(operator)


def test_a_read_only_postgres_keeps_what_is_declared_waiting(
    scene: Scene, survivor: tuple[Operator, Team]
) -> None:
    operator, team = survivor
    with Reader(operator):
        scene.server.set("default_transaction_read_only", "on")
        team.apply("read-only", "x")
        eventually(lambda: "read-only" in str(operator.degraded()), "/readyz says what Postgres says")
        scene.server.set("default_transaction_read_only", "off")
        team.settle(operator)
    eventually(lambda: not operator.degraded(), "nothing is wrong any more")
