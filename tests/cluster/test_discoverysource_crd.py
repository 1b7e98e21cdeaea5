"""What the API server itself makes of DiscoverySource objects."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from servicegraph.model.discoverysource import KIND, NAME_IS_RESERVED, PLURAL
from servicegraph.model.servicedependency import API_VERSION
from support.apiserver import ApiServer
from support.operators import eventually
from support.sourcespecs import RIGHT, WRONG, source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servicegraph.local.cluster import Cluster
    from servicegraph.local.kubectl import Kubectl
    from support.apiserver import Answer

SOURCES = f"/apis/{API_VERSION}/{PLURAL}"
OPERATOR = "--as=system:serviceaccount:servicegraph-system:servicegraph"


@pytest.fixture
def server(control_plane: Cluster) -> ApiServer:
    return ApiServer(control_plane.kubeconfig)


@pytest.fixture
def name(kubectl: Kubectl) -> Iterator[str]:
    """A name for a source of this test's own, which is suspended and deleted afterwards."""
    called = f"test-{secrets.token_hex(4)}"
    yield called
    kubectl("delete", PLURAL, called, "--ignore-not-found")


def manifest(name: str, spec: Any) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": name}, "spec": spec}


def tried(server: ApiServer, spec: Any, name: str = "one") -> Answer:
    """What the server would say to the spec."""
    return server.ask("POST", f"{SOURCES}?dryRun=All&fieldValidation=Strict", manifest(name, spec))


@pytest.mark.parametrize("case", RIGHT)
def test_a_right_spec_is_accepted(server: ApiServer, case: str) -> None:
    answer = tried(server, RIGHT[case])
    assert answer.code == 201, answer.message


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_spec_is_refused_at_its_field_with_what_it_takes(server: ApiServer, case: str) -> None:
    answer = tried(server, WRONG[case].spec)
    assert answer.code in {400, 422}
    assert WRONG[case].field in answer.message
    assert WRONG[case].advice in answer.message


def test_what_is_left_out_gets_its_default(server: ApiServer) -> None:
    kept = tried(server, source()).body
    assert kept["spec"] == {
        "preset": "OTelCollector",
        "prometheus": {"url": "http://prometheus.monitoring:9090", "timeout": "30s"},
        "interval": "5m",
        "defaultNamespace": "",
        "cluster": "",
        "acceptDropUntil": "",
        "suspend": False,
    }
    assert kept["status"] == {"observedGeneration": -1}


def test_a_source_cannot_be_named_like_what_teams_declare(server: ApiServer) -> None:
    answer = tried(server, source(), name="declared")
    assert answer.code == 422
    assert NAME_IS_RESERVED in answer.message


def test_kubectl_explain_teaches_how_to_ask(kubectl: Kubectl) -> None:
    # A CRD is established a moment before discovery and OpenAPI tell of it.
    eventually(lambda: kubectl.run("explain", "dsrc").returncode == 0, "kubectl knows dsrc")
    said = " ".join(kubectl("explain", "dsrc.spec", "--recursive").split())
    assert "enum: OTelCollector, Tempo, Custom" in said
    said = " ".join(kubectl("explain", "dsrc.spec.prometheus").split())
    for words in (
        "such as http://prometheus.monitoring:9090",
        "redirects are not followed",
        "Sent as X-Scope-OrgID",
        "Where the token lies",
    ):
        assert words in said


def test_kubectl_shows_whether_a_source_works_and_how_much_it_shows(
    server: ApiServer, kubectl: Kubectl, name: str
) -> None:
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump(manifest(name, source(suspend=True))))
    conditions = [
        {
            "type": kind,
            "status": status,
            "reason": "Told",
            "message": f"{kind} in words",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        for kind, status in (("Ready", "True"), ("Healthy", "False"))
    ]
    last = {"time": "2026-01-01T00:00:00Z", "edges": 42, "dropped": {"name too long": 3}, "warnings": ["x"]}
    told = {"status": {"conditions": conditions, "lastPoll": last, "examples": {"unresolved": ["-/cart"]}}}
    patched = server.ask("PATCH", f"{SOURCES}/{name}/status", told, "application/merge-patch+json")
    assert patched.code == 200, patched.message
    assert patched.body["status"]["lastPoll"] == last
    header, row = kubectl("get", "dsrc", name).splitlines()
    assert header.replace("LAST POLL", "LAST_POLL").split() == [
        "NAME", "PRESET", "READY", "HEALTHY", "EDGES", "LAST_POLL", "AGE"
    ]  # fmt: skip
    assert row.split()[:5] == [name, "OTelCollector", "True", "False", "42"]
    header, row = kubectl("get", "dsrc", name, "-o", "wide").splitlines()
    assert {"URL", "MESSAGE"} < set(header.split())
    assert "Healthy in words" in row


def test_sources_can_be_selected_by_preset_and_by_whether_they_sleep(kubectl: Kubectl, name: str) -> None:
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump(manifest(name, source(preset="Tempo", suspend=True))))
    for field, found in (
        ("preset=Tempo", True),
        ("suspend=true", True),
        ("preset=Custom", False),
        ("suspend=false", False),
    ):
        listed = kubectl("get", "dsrc", f"--field-selector=spec.{field}", "-o", "json")
        assert (name in {one["metadata"]["name"] for one in json.loads(listed)["items"]}) is found


@pytest.mark.parametrize(
    ("verb", "what", "where", "allowed"),
    [
        ("list", "discoverysources", "", True),
        ("watch", "discoverysources", "", True),
        ("patch", "discoverysources/status", "", True),
        ("patch", "discoverysources", "", False),
        ("create", "discoverysources", "", False),
        ("delete", "discoverysources", "", False),
        ("get", "secrets", "servicegraph-system", True),
        ("list", "secrets", "servicegraph-system", False),
        ("watch", "secrets", "servicegraph-system", False),
        ("get", "secrets", "default", False),
        ("get", "secrets", "kube-system", False),
    ],
)
def test_the_operator_may_read_sources_and_one_secret_at_a_time_of_its_own_namespace(
    kubectl: Kubectl, verb: str, what: str, where: str, allowed: bool
) -> None:
    resource, _, part = what.partition("/")
    place = [f"--namespace={where}"] if where else []
    sub = [f"--subresource={part}"] if part else []
    group = "" if resource == "secrets" else ".servicegraph.dev"
    said = kubectl.run("auth", "can-i", verb, resource + group, *sub, *place, OPERATOR)
    assert said.stdout.strip() == ("yes" if allowed else "no"), said.stderr
