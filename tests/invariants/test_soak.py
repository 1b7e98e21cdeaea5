"""The life of a namespace in minutes: objects come, change, break and go, the operator is killed, and all stays true."""

from __future__ import annotations

import time
from random import Random
from typing import TYPE_CHECKING

import pytest

from oracle.invariants import check_at_rest
from support import lives, soaking

if TYPE_CHECKING:
    from invariants.conftest import Team
    from oracle.system import System
    from support.operators import Operator

NAMES = [f"object-{number}" for number in range(12)]
PATIENCE = 60.0


@pytest.mark.soak
def test_random_lives_on_a_running_operator_end_in_the_graph_that_follows_from_them(
    system: System, stopped_operator: Operator, team: Team, capsys: pytest.CaptureFixture[str]
) -> None:
    minutes, seed = soaking.minutes(), soaking.seed()
    chance = Random(seed)
    stopped_operator.start()
    rounds, ends = 0, time.monotonic() + minutes * 60
    with capsys.disabled():
        print(f"\nrandom lives for {minutes:g} minutes; SOAK_SEED={seed} replays them")  # noqa: T201
        while time.monotonic() < ends:
            rounds += 1
            _interrupt(chance, stopped_operator)
            acts = [_act(chance, team, name) for name in chance.sample(NAMES, chance.randint(1, 6))]
            _interrupt(chance, stopped_operator)
            found = check_at_rest(system, patience=PATIENCE, resync=rounds % 10 == 0)
            assert found == [], f"round {rounds} of SOAK_SEED={seed}: {acts}"
        print(f"{rounds} rounds, {len(system.history.generations)} objects")  # noqa: T201


def _act(chance: Random, team: Team, name: str) -> str:
    """Something happens to the object `name`, once a round: what is refused was accepted and stored before."""
    living = {body["metadata"]["name"]: body for body in team.objects()}
    act = chance.choices(["declare", "delete", "make again"], [6, 2, 2])[0] if name in living else "declare"
    if act != "declare":
        team.delete(name)
    if act != "delete":
        service = living[name]["spec"]["service"] if name in living and act == "declare" else None
        team.apply(name, lives.spec_by(chance, team.namespace, service))
    return f"{act} {name}"


def _interrupt(chance: Random, operator: Operator) -> None:
    """Now and then the operator is killed, or asked to end, and started again."""
    luck = chance.random()
    if luck < 0.1:
        operator.kill()
        operator.start()
    elif luck < 0.15:
        assert operator.stop() == 0
        operator.start()
