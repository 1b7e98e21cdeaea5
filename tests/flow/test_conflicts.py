"""Two objects that say different things about one service or call: the older counts, the younger is told, both are Ready."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.manifests import manifest
from support.operators import Operator, eventually
from support.teams import Team

if TYPE_CHECKING:
    from servicegraph.local.kubectl import Kubectl

OLDER, YOUNGER = "one", "two"
"""Even where both are created within one second, `one` comes first."""


def about_a(name: str, *dependencies: dict[str, Any], **service: Any) -> dict[str, Any]:
    """An object called `name` about the service `a`."""
    return {**manifest("a", *dependencies, service=service), "metadata": {"name": name}}


def mode(operator: Operator, team: Team) -> str:
    (edge,) = operator.get(f"/api/v1/edges?namespace={team.namespace}").json()["items"]
    said: str = edge["mode"]
    return said


def test_the_younger_declaration_of_an_edge_is_told_and_is_content_again_once_both_agree(
    operator: Operator, kubectl: Kubectl, namespace: str
) -> None:
    team = Team(kubectl, namespace)
    team.apply(about_a(OLDER, {"name": "b", "mode": "Async", "timeout": "5s"}))
    team.wait()
    team.apply(about_a(YOUNGER, {"name": "b", "mode": "Sync", "timeout": "9s", "requirement": "Hard"}))
    team.wait(YOUNGER, condition="Conflicting")

    told = team.condition(YOUNGER, "Conflicting")
    assert told["reason"] == "AttributesDiffer"
    assert told["message"] == (
        f"{namespace}/one declares mode Async and timeout 5s for {namespace}/a → {namespace}/b,"
        " this object Sync and 9s; the older one counts"
    )
    assert team.condition(YOUNGER, "Ready")["status"] == "True"
    assert team.condition(OLDER, "Conflicting") == {}
    assert mode(operator, team) == "Async"

    team.apply(about_a(OLDER, {"name": "b", "mode": "Sync", "timeout": "9s"}))
    eventually(lambda: team.condition(YOUNGER, "Conflicting") == {}, "nothing to say where both agree")
    assert mode(operator, team) == "Sync"


def test_when_the_older_object_goes_the_words_of_the_younger_one_count(
    operator: Operator, kubectl: Kubectl, namespace: str
) -> None:
    team = Team(kubectl, namespace)
    team.apply(about_a(OLDER, {"name": "b"}, team="payments", labels={"tier": "backend"}))
    team.wait()
    team.apply(about_a(YOUNGER, {"name": "c"}, team="web", labels={"tier": "web"}, technology="go"))
    team.wait(YOUNGER, condition="Conflicting")
    message = team.condition(YOUNGER, "Conflicting")["message"]
    assert f"for {namespace}/a" in message
    assert "team payments" in message
    assert "labels tier=backend" in message
    assert "technology" not in message, "the older one says nothing about it"
    shown = operator.get(f"/api/v1/services/{namespace}/a").json()
    assert (shown["team"], shown["technology"]) == ("payments", "go")

    team.delete(OLDER)
    eventually(lambda: team.condition(YOUNGER, "Conflicting") == {}, "nobody says otherwise any more")
    assert operator.get(f"/api/v1/services/{namespace}/a").json()["team"] == "web"
