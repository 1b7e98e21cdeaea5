"""SIGTERM: what was heard is stored and answered first, within ten seconds, and whatever is away cannot hold it up."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from faults.gates import Moment
from support.operators import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from outages.conftest import Scene
    from outages.team import Team
    from support.operators import Operator

GRACE_SECONDS = 10
"""How long a stopped operator may take: the promise. Kubernetes would kill it after 30."""


@pytest.fixture(scope="module")
def team(scene: Scene) -> Team:
    return scene.team()


@pytest.fixture
def operator(scene: Scene) -> Iterator[Operator]:
    """An operator that is not started; whatever is broken when the test ends is mended first."""
    operator = scene.operator()
    yield operator
    scene.heal()
    if operator.process is not None:
        operator.stop()


def terminate(operator: Operator) -> None:
    assert operator.process is not None
    os.kill(operator.process.pid, signal.SIGTERM)


def has_ended_well(operator: Operator) -> bool:
    """Whether it ends by itself, in time and without an error."""
    process, operator.process = operator.process, None
    assert process is not None
    code = process.wait(GRACE_SECONDS)
    process.stop()
    return code == 0


def test_what_was_heard_is_stored_and_answered_before_it_ends(
    scene: Scene, team: Team, operator: Operator
) -> None:
    operator.start()
    team.settle(operator)
    scene.postgres.stop_at(1, Moment.BEFORE)
    for number in range(20):
        team.apply(f"heard-{number}", "x")
    assert scene.postgres.reached.wait(30)
    eventually(lambda: operator.metric("servicegraph_inbox_depth") > 0, "more waits behind the batch at hand")
    terminate(operator)
    scene.heal()
    assert has_ended_well(operator)
    assert scene.stored() == team.declared.keys()
    assert team.behind() == []


@pytest.mark.parametrize(
    ("away", "how"),
    [
        (("postgres",), "refuse"),
        (("postgres", "apiserver"), "hold"),
        pytest.param(("postgres",), "hold", marks=pytest.mark.soak),
        pytest.param(("apiserver",), "refuse", marks=pytest.mark.soak),
        pytest.param(("apiserver",), "hold", marks=pytest.mark.soak),
        pytest.param(("postgres", "apiserver"), "refuse", marks=pytest.mark.soak),
    ],
)
def test_it_ends_in_time_whatever_is_away_and_the_next_one_goes_on(
    scene: Scene, team: Team, operator: Operator, away: tuple[str, ...], how: str
) -> None:
    operator.start()
    team.settle(operator)
    team.apply("before-the-end", "x", how)
    for proxy in away:
        getattr(getattr(scene, proxy), how)()
    team.apply("at-the-end", "x", *away)
    terminate(operator)
    assert has_ended_well(operator)
    scene.heal()
    operator.start()
    team.settle(operator)


def test_it_ends_in_time_while_it_still_waits_for_its_first_graph(
    scene: Scene, team: Team, operator: Operator
) -> None:
    scene.postgres.refuse()
    operator.start(ready=False)
    terminate(operator)
    assert has_ended_well(operator)


def test_stopped_before_it_knows_which_alerts_there_are_it_stores_nothing(
    scene: Scene, team: Team, operator: Operator
) -> None:
    team.apply("not-yet", "x")
    before = scene.stored()
    scene.apiserver.answer(503, lambda request: request.path.endswith("/cyclealerts"))
    operator.start()
    eventually(lambda: operator.metric("servicegraph_inbox_depth") > 0, "it has found the objects")
    terminate(operator)
    assert has_ended_well(operator)
    assert scene.stored() == before
