"""kubectl apply → Postgres → HTTP and back to the object, on real parts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from support.manifests import manifest
from support.operators import Operator, eventually
from support.teams import Team

if TYPE_CHECKING:
    from servicegraph.local.kubectl import Kubectl


def test_an_applied_object_becomes_ready_and_its_edges_are_served(
    operator: Operator, kubectl: Kubectl, namespace: str
) -> None:
    team = Team(kubectl, namespace)
    team.apply(manifest("checkout", "payment", {"name": "orders", "kind": "Datastore"}), manifest("payment"))
    team.wait()

    status = team.get("checkout")["status"]
    assert status["observedGeneration"] == 1
    assert status["summary"] == {
        "declared": 2,
        "observed": 0,
        "unobserved": 0,
        "undeclared": 0,
        "unresolved": 0,
    }
    assert status["graphVersion"] <= operator.version()
    assert operator.edges() == {
        (team.id("checkout"), team.id("payment")),
        (team.id("checkout"), f"{team.id('orders')}:datastore"),
    }


def test_an_update_replaces_what_the_object_said_before(
    operator: Operator, kubectl: Kubectl, namespace: str
) -> None:
    team = Team(kubectl, namespace)
    team.apply(manifest("a", "b", "c"))
    team.wait()
    team.apply(manifest("a", "c", "d"))
    wanted = {(team.id("a"), team.id("c")), (team.id("a"), team.id("d"))}
    eventually(lambda: operator.edges() == wanted, "the edges of the second generation alone")
    eventually(
        lambda: team.get("a")["status"]["observedGeneration"] == 2, "the status of the second generation"
    )
    assert operator.get(f"/api/v1/services/{namespace}/b").status == 404, "nobody names b any more"


def test_a_deleted_object_takes_its_edges_with_it(
    operator: Operator, kubectl: Kubectl, namespace: str
) -> None:
    team = Team(kubectl, namespace)
    team.apply(manifest("a", "b"), manifest("b", "c"))
    team.wait()
    team.delete("a")
    eventually(
        lambda: operator.edges() == {(team.id("b"), team.id("c"))}, "the edge of the deleted object is gone"
    )
    assert operator.get(f"/api/v1/services/{namespace}/a").status == 404


def test_an_object_made_again_under_the_same_name_counts_alone(
    operator: Operator, kubectl: Kubectl, namespace: str
) -> None:
    team = Team(kubectl, namespace)
    for target in ("b", "c", "d"):
        team.apply(manifest("a", target))
        team.wait("a")
        team.delete("a")
    team.apply(manifest("a", "e"))
    team.wait("a")
    eventually(lambda: operator.edges() == {(team.id("a"), team.id("e"))}, "only what the living object says")


def test_a_leaf_without_dependencies_is_a_service_of_its_own(
    operator: Operator, kubectl: Kubectl, namespace: str
) -> None:
    team = Team(kubectl, namespace)
    team.apply(manifest("leaf", service={"team": "payments", "criticality": "High", "technology": "go"}))
    team.wait()
    answer = operator.get(f"/api/v1/services/{namespace}/leaf").json()
    assert (answer["team"], answer["criticality"], answer["technology"]) == ("payments", "High", "go")
    assert answer["discovered"] is False
    alone = operator.get(f"/api/v1/services/{namespace}/leaf/dependencies?direction=both").json()
    assert [node["id"] for node in alone["nodes"]] == [team.id("leaf")]
    assert alone["edges"] == []


def test_applying_the_same_again_makes_no_version_and_writes_no_status(
    operator: Operator, kubectl: Kubectl, namespace: str
) -> None:
    team = Team(kubectl, namespace)
    objects = (manifest("a", "b"), manifest("b", "c"), manifest("c"))
    team.apply(*objects)
    team.wait()
    version = operator.version()
    before = {name: team.get(name)["metadata"]["resourceVersion"] for name in "abc"}
    team.apply(*objects)
    team.apply(
        manifest("later")
    )  # what is applied after it is stored after it, so the wait below covers both
    team.wait("later")
    assert {name: team.get(name)["metadata"]["resourceVersion"] for name in "abc"} == before
    assert operator.version() == version + 1, "only the object that is new"


def test_a_restart_over_unchanged_objects_writes_no_row_and_sends_no_patch(
    operator: Operator, kubectl: Kubectl, namespace: str
) -> None:
    team = Team(kubectl, namespace)
    names = [f"service-{n}" for n in range(20)]
    team.apply(*(manifest(name, "hub", names[0]) for name in names[1:]), manifest(names[0]))
    team.wait()
    version = operator.version()
    before = {name: team.get(name)["metadata"]["resourceVersion"] for name in names}
    assert operator.stop() == 0

    operator.start()
    team.apply(manifest("later"))
    team.wait("later")  # so the list at the start has been reconciled, too
    assert operator.version() == version + 1
    assert {name: team.get(name)["metadata"]["resourceVersion"] for name in names} == before
    assert operator.metric("servicegraph_status_writes_total", result="written") == 1
    assert operator.metric("servicegraph_rows_written_total", table="objects") == 1


def test_an_unknown_target_is_named_with_what_may_have_been_meant_and_resolved_once_it_appears(
    operator: Operator, kubectl: Kubectl, namespace: str
) -> None:
    team = Team(kubectl, namespace)
    team.apply(manifest("checkoutservice"), manifest("frontend", "checkout"))
    team.wait()
    eventually(
        lambda: team.condition("frontend", "Resolved").get("reason") == "UnknownTargets", "an unknown target"
    )
    condition = team.condition("frontend", "Resolved")
    assert condition["status"] == "False"
    assert f"{team.id('checkout')}" in condition["message"]
    assert f"did you mean {team.id('checkoutservice')}" in condition["message"]
    assert team.get("frontend")["status"]["summary"]["unresolved"] == 1

    team.apply(manifest("checkout"))
    eventually(
        lambda: team.condition("frontend", "Resolved").get("reason") == "AllTargetsKnown",
        "the object that appeared elsewhere reaches the one that it concerns",
    )


def test_a_generation_that_cannot_be_accepted_is_stalled_and_changes_nothing(
    operator: Operator, kubectl: Kubectl, namespace: str
) -> None:
    team = Team(kubectl, namespace)
    team.apply(manifest("a", "b"))
    team.wait()
    team.apply(manifest("a", "b", {"name": "a", "namespace": namespace}))
    team.wait("a", condition="Stalled")
    stalled = team.condition("a", "Stalled")
    assert stalled["reason"] == "SelfDependency"
    assert team.condition("a", "Ready")["status"] == "False"
    assert operator.edges() == {(team.id("a"), team.id("b"))}, "what the last good generation said stays"

    team.apply(manifest("a", "c"))
    team.wait("a")
    assert team.condition("a", "Stalled") == {}
    assert operator.edges() == {(team.id("a"), team.id("c"))}


def test_a_status_that_somebody_else_edits_is_put_right(
    operator: Operator, kubectl: Kubectl, namespace: str
) -> None:
    team = Team(kubectl, namespace)
    team.apply(manifest("a"))
    team.wait()
    right = team.get("a")["status"]["summary"]
    kubectl(
        "patch", "sdep", "a", f"--namespace={namespace}", "--subresource=status", "--type=merge",
        "-p", '{"status": {"summary": {"declared": 77}}}',
    )  # fmt: skip
    eventually(lambda: team.get("a")["status"]["summary"] == right, "the summary is what it was")


def test_the_operator_works_under_the_roles_that_ship(
    operator: Operator, kubectl: Kubectl, namespace: str
) -> None:
    team = Team(kubectl, namespace)
    team.apply(manifest("a"))
    team.wait()
    managers = {one["manager"] for one in team.get("a")["metadata"].get("managedFields", [])} or {
        one["manager"]
        for one in json.loads(
            kubectl("get", "sdep", "a", "-o", "json", "--show-managed-fields", f"--namespace={namespace}")
        )["metadata"]["managedFields"]
    }
    assert "servicegraph" in managers
    who = kubectl.run(
        "auth", "can-i", "delete", "sdep", "--as=system:serviceaccount:servicegraph-system:servicegraph"
    )
    assert who.stdout.strip() == "no"
