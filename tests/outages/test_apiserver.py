"""The API server away, unwell, forgetful: reads go on, and what was declared or deleted meanwhile arrives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from faults.apiserver import bears, is_anything, is_status_write
from outages.readers import Reader
from support.operators import eventually

if TYPE_CHECKING:
    from outages.conftest import Scene
    from outages.team import Team
    from servicegraph.local.kubectl import Kubectl
    from support.operators import Operator

pytestmark = pytest.mark.usefixtures("healed")


def change_everything(team: Team, word: str) -> None:
    """One object is new, one says something else, one is gone."""
    team.apply(f"{word}-new", "x")
    team.apply(f"{word}-changed", "y")
    team.delete(f"{word}-gone")


def prepare(team: Team, operator: Operator, word: str) -> None:
    """The two objects that `change_everything` needs beforehand."""
    team.apply(f"{word}-changed", "x")
    team.apply(f"{word}-gone", "x")
    team.settle(operator)


def test_an_api_server_that_is_away_is_caught_up_with(scene: Scene, survivor: tuple[Operator, Team]) -> None:
    operator, team = survivor
    prepare(team, operator, "away")
    with Reader(operator) as reader:
        scene.apiserver.refuse()
        change_everything(team, "away")
        seen = reader.answers
        eventually(lambda: reader.answers > seen + 50, "answers go on")
        eventually(lambda: "kubernetes" in operator.degraded(), "/readyz says it")
        eventually(lambda: reader.stale > 0, "answers say that they may be old")
        scene.heal()
        team.settle(operator)
        eventually(lambda: not operator.degraded(), "nothing is wrong any more")
        assert "X-Graph-Stale" not in operator.get("/api/v1/edges").headers


@pytest.mark.parametrize("status", [503, 429])
def test_an_api_server_that_refuses_for_a_while_is_waited_for(
    scene: Scene, survivor: tuple[Operator, Team], status: int
) -> None:
    operator, team = survivor
    word = f"refused-{status}"
    prepare(team, operator, word)
    with Reader(operator) as reader:
        scene.apiserver.answer(status, is_anything, {"Retry-After": "1"})
        scene.apiserver.cut()
        change_everything(team, word)
        seen = reader.answers
        eventually(lambda: scene.apiserver.refused >= 3, "several attempts have failed")
        eventually(lambda: reader.answers > seen, "answers go on")
        scene.heal()
        team.settle(operator)


def test_status_writes_that_are_refused_for_a_while_are_made_up_for(
    scene: Scene, survivor: tuple[Operator, Team]
) -> None:
    operator, team = survivor
    scene.apiserver.answer(503, is_status_write)
    team.apply("unanswered", "x")
    eventually(lambda: operator.edges(team.namespace) == team.edges, "the graph has it")
    assert team.behind() == ["unanswered"]
    eventually(lambda: "status" in operator.degraded(), "/readyz says it")
    scene.heal()
    team.settle(operator)
    eventually(lambda: not operator.degraded(), "nothing is wrong any more")


def test_a_watch_told_that_it_is_too_old_lists_anew_and_finds_what_was_deleted_meanwhile(
    scene: Scene, survivor: tuple[Operator, Team]
) -> None:
    operator, team = survivor
    prepare(team, operator, "expired")
    with Reader(operator):
        scene.apiserver.silence()
        change_everything(team, "expired")
        scene.apiserver.end_watches(410, "Expired")
        scene.apiserver.heal()
        team.settle(operator)


def test_a_watch_that_ends_with_another_error_is_started_anew(
    scene: Scene, survivor: tuple[Operator, Team]
) -> None:
    operator, team = survivor
    prepare(team, operator, "failed")
    with Reader(operator):
        scene.apiserver.silence()
        change_everything(team, "failed")
        scene.apiserver.end_watches(500, "InternalError")
        scene.apiserver.heal()
        team.settle(operator)


def test_a_token_that_has_expired_is_read_anew_from_the_kubeconfig(
    scene: Scene, survivor: tuple[Operator, Team], kubectl: Kubectl
) -> None:
    operator, team = survivor
    prepare(team, operator, "expired-token")
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    account = "/api/v1/namespaces/servicegraph-system/serviceaccounts/servicegraph/token"
    fresh: str = json.loads(kubectl("create", f"--raw={account}", "-f", "-", stdin=json.dumps(request)))[
        "status"
    ]["token"]
    with Reader(operator) as reader:
        old = scene.apiserver.token
        scene.apiserver.answer(401, bears(old))
        scene.apiserver.cut()
        change_everything(team, "expired-token")
        eventually(lambda: scene.apiserver.refused >= 3, "the old token is not taken any more")
        refused, seen = scene.apiserver.refused, reader.answers
        eventually(lambda: reader.answers > seen + 10, "answers go on")
        assert scene.apiserver.refused < refused + 20, "a refused token is not shown again and again"
        scene.apiserver.show(fresh)
        team.settle(operator)
    scene.apiserver.show(old)
