"""What the API server itself makes of ServiceDependency objects."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml

from servicegraph.model.servicedependency import (
    EXTERNAL_HAS_NO_NAMESPACE,
    KIND_IS_FIXED,
    LABEL_KEYS,
    NAME_IS_FIXED,
    NO_SELF_DEPENDENCY,
)
from support.apiserver import ApiServer
from support.manifests import manifest
from support.operators import eventually
from support.specs import RIGHT, WRONG, on, spec

if TYPE_CHECKING:
    from servicegraph.local.cluster import Cluster
    from servicegraph.local.kubectl import Kubectl

A_TIME = "write a time such as 2027-01-31T00:00:00Z"
STRICT = "fieldValidation=Strict"


@pytest.fixture
def server(control_plane: Cluster) -> ApiServer:
    return ApiServer(control_plane.kubeconfig)


def test_kubectl_explain_teaches_what_a_dependency_is(kubectl: Kubectl) -> None:
    # A CRD is established a moment before discovery and OpenAPI tell of it.
    eventually(lambda: kubectl.run("explain", "sdep").returncode == 0, "kubectl knows sdep")
    said = " ".join(kubectl("explain", "sdep.spec.dependencies").split())
    assert "FIELD: dependencies <[]Object>" in said
    for words in (
        "What the service calls, at most 256 entries",
        "name <string> -required-",
        "enum: Hard, Soft",
        "Hard: without it the service fails. Soft: the service goes on in some way",
        'Left out or "" means the namespace of this object',
        "How rarely this call may legitimately happen",
    ):
        assert words in said


def test_the_kinds_have_short_names_and_a_category(kubectl: Kubectl) -> None:
    rows = kubectl("api-resources", "--categories=servicegraph", "--no-headers").splitlines()
    assert [row.split() for row in rows] == [
        ["cyclealerts", "cyca", "servicegraph.dev/v1alpha1", "false", "CycleAlert"],
        ["discoverysources", "dsrc", "servicegraph.dev/v1alpha1", "false", "DiscoverySource"],
        ["servicedependencies", "sdep", "servicegraph.dev/v1alpha1", "true", "ServiceDependency"],
    ]


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_spec_is_accepted(server: ApiServer, name: str) -> None:
    answer = server.create("default", RIGHT[name], f"dryRun=All&{STRICT}")
    assert answer.code == 201, answer.message


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_spec_is_refused_at_its_field(server: ApiServer, name: str) -> None:
    answer = server.create("default", WRONG[name].spec, f"dryRun=All&{STRICT}")
    assert answer.code in {400, 422}
    assert WRONG[name].field in answer.message


def test_what_is_left_out_gets_its_default(server: ApiServer, namespace: str) -> None:
    kept = server.create(namespace, on()).body
    assert kept["spec"]["service"] == {"name": "checkout", "kind": "Service"}
    assert kept["spec"]["dependencies"] == [
        {
            "name": "payment",
            "namespace": "",
            "kind": "Service",
            "mode": "Sync",
            "requirement": "Hard",
            "observation": "Expected",
        }
    ]
    assert kept["status"] == {"observedGeneration": -1}


def test_the_rules_say_what_to_do(server: ApiServer) -> None:
    for wrong, advice in (
        (spec({"name": "checkout"}), NO_SELF_DEPENDENCY),
        (on(kind="External", namespace="shop"), EXTERNAL_HAS_NO_NAMESPACE),
        (spec(labels={"a b": "v"}), LABEL_KEYS),
        (on(timeout="5 seconds"), "write a duration such as 300ms, 5s or 1h30m"),
        (spec(availabilityTarget="120"), "write a percentage up to 100"),
        (on(name="https://api.example.com/v1", kind="External"), "write letters, digits, '-', '.' and '_'"),
        (on(namespace="Shop"), "write the name of a namespace"),
        (on(protocol=" gRPC"), "write a word without control characters or spaces around it"),
        (spec(labels={"tier": "back\nend"}), "write one line without control characters"),
        (on(description="charges\x07"), "write text without control characters"),
        (on(acceptedCycle={"reason": "known", "until": "tomorrow"}), A_TIME),
        (on(acceptedCycle={"reason": "known", "until": "2027-02-30T00:00:00Z"}), A_TIME),
    ):
        message = server.create("default", wrong, "dryRun=All").message
        assert advice in message
        assert "should match" not in message


def test_the_name_and_the_kind_of_the_service_cannot_change(server: ApiServer, namespace: str) -> None:
    server.create(namespace, on())
    for change, path, advice in (
        ({"name": "basket"}, "spec.service.name", NAME_IS_FIXED),
        ({"kind": "Queue"}, "spec.service.kind", KIND_IS_FIXED),
    ):
        answer = server.merge(namespace, {"spec": {"service": change}})
        assert answer.code == 422
        assert path in answer.message
        assert advice in answer.message
    assert server.merge(namespace, {"spec": {"service": {"team": "payments"}}}).code == 200


def test_a_dependency_cannot_be_added_twice_by_any_kind_of_apply(
    server: ApiServer, kubectl: Kubectl, namespace: str
) -> None:
    twice = [{"name": "payment"}, {"name": "payment", "namespace": "", "mode": "Async"}]
    refusal = server.apply(namespace, spec(*twice), "ci", "force=true").message
    assert 'duplicate entries for key [kind="Service",name="payment",namespace=""]' in refusal
    written = yaml.safe_dump(manifest("checkout", *twice, namespace=namespace))
    for arguments in (("apply",), ("apply", "--server-side"), ("create",)):
        done = kubectl.run(*arguments, "-f", "-", stdin=written)
        assert done.returncode != 0
        assert "spec.dependencies[1]" in done.stderr or "duplicate" in done.stderr
    good = yaml.safe_dump(manifest("checkout", "payment", namespace=namespace))
    kubectl("apply", "-f", "-", stdin=good)
    done = kubectl.run("apply", "-f", "-", stdin=written)
    assert done.returncode != 0
    assert (
        len(
            json.loads(kubectl("get", "sdep", "checkout", "-n", namespace, "-o", "json"))["spec"][
                "dependencies"
            ]
        )
        == 1
    )


def test_an_unknown_field_is_named_to_people_and_dropped_for_programs(
    server: ApiServer, kubectl: Kubectl, namespace: str
) -> None:
    misspelled = yaml.safe_dump(
        manifest("checkout", {"name": "payment", "timout": "5s"}, namespace=namespace)
    )
    done = kubectl.run("apply", "-f", "-", stdin=misspelled)
    assert done.returncode != 0
    assert 'unknown field "spec.dependencies[0].timout"' in done.stderr
    kept = server.create(namespace, on(timout="5s"), "fieldValidation=Ignore").body
    assert "timout" not in kept["spec"]["dependencies"][0]


def test_several_owners_each_keep_their_own_dependencies(server: ApiServer, namespace: str) -> None:
    for manager, target in (("team", "payment"), ("platform", "envoy")):
        assert server.apply(namespace, spec({"name": target}), manager).code in {200, 201}
    assert [one["name"] for one in server.get(namespace)["spec"]["dependencies"]] == ["payment", "envoy"]
    server.apply(namespace, spec(), "platform")
    assert [one["name"] for one in server.get(namespace)["spec"]["dependencies"]] == ["payment"]


def test_kubectl_shows_what_matters_and_more_with_wide(
    server: ApiServer, kubectl: Kubectl, namespace: str
) -> None:
    server.create(namespace, spec({"name": "payment"}, team="payments"))
    shown = {
        "conditions": [
            {
                "type": kind,
                "status": status,
                "reason": reason,
                "message": f"{kind} in words",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
            for kind, status, reason in (("Ready", "True", "Stored"), ("Resolved", "False", "UnknownTargets"))
        ],
        "summary": {"declared": 1},
    }
    assert server.merge(namespace, {"status": shown}, part="/status").code == 200
    header, row = kubectl("get", "sdep", "-n", namespace).splitlines()
    assert header.split() == ["NAME", "SERVICE", "DEPS", "READY", "RESOLVED", "AGE"]
    assert row.split()[:5] == ["one", "checkout", "1", "True", "False"]
    header, row = kubectl("get", "sdep", "-n", namespace, "-o", "wide").splitlines()
    wide = [
        "NAME",
        "SERVICE",
        "KIND",
        "TEAM",
        "DEPS",
        "READY",
        "RESOLVED",
        "REASON",
        "MESSAGE",
        "TARGETS",
        "AGE",
    ]
    assert header.split() == wide
    assert "Ready in words" in row
    assert "Resolved in words" in row


def test_objects_can_be_selected_by_what_they_are_about(
    server: ApiServer, kubectl: Kubectl, namespace: str
) -> None:
    server.create(namespace, spec(name="a", team="payments"), name="a")
    server.create(namespace, spec(name="b", kind="Datastore", criticality="High"), name="b")
    for field, found in (
        ("service.name=a", "a"),
        ("service.kind=Datastore", "b"),
        ("service.team=payments", "a"),
        ("service.criticality=High", "b"),
    ):
        listed = kubectl("get", "sdep", "-n", namespace, f"--field-selector=spec.{field}", "-o", "name")
        assert listed.split() == [f"servicedependency.servicegraph.dev/{found}"]
