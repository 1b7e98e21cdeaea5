"""A real API server accepts every manifest that is generated, and merges one into an object that exists."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from servicegraph.cli.drafts import manifests

if TYPE_CHECKING:
    from servicegraph.local.kubectl import Kubectl

SEEN = {"name": "otel", "first_seen": "2026-03-04T05:06:07Z", "present": True, "last_seen": None}
SOURCES = [
    "checkout",
    "Check_Out",
    "check.out",
    "null",
    "0123",
    "cart:datastore",
    "a" * 200,
    "odd%20name",
    "-x",
]
TARGETS = [
    "{here}/payment",
    "infra/true",
    "{here}/1e3",
    "-/API.stripe.com:external",
    "infra/jobs:queue",
    "-/lost",
]


def call(source: str, target: str) -> dict[str, Any]:
    said = {"mode": "Async", "requirement": None, "confidence": 0.85, "providers": [SEEN]}
    return {"source": source, "target": target, **said}


def test_whatever_names_telemetry_shows_the_manifests_are_accepted(kubectl: Kubectl, namespace: str) -> None:
    sources = [f"{namespace}/{name}" for name in SOURCES]
    calls = {
        source: [call(source, target.format(here=namespace)) for target in TARGETS] for source in sources
    }
    text = manifests(calls, {}, set(sources))
    applied = kubectl.run("apply", "--validate=strict", "-f", "-", "-o", "name", stdin=text)
    assert (applied.returncode, applied.stderr) == (0, "")
    objects = [one for one in yaml.safe_load_all(text) if one]
    assert len(applied.stdout.split()) == len(objects) == len(SOURCES) - 2
    assert {len(one["spec"]["dependencies"]) for one in objects} == {len(TARGETS) - 1}


def test_applied_from_the_server_side_it_leaves_what_was_declared_alone(
    kubectl: Kubectl, namespace: str
) -> None:
    service, declared = f"{namespace}/checkout", {"name": "cart", "requirement": "Hard"}
    body = {
        "apiVersion": "servicegraph.dev/v1alpha1",
        "kind": "ServiceDependency",
        "metadata": {"name": "till", "namespace": namespace},
        "spec": {"service": {"name": "checkout", "team": "payments"}, "dependencies": [declared]},
    }
    kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(body))
    text = manifests(
        {service: [call(service, f"{namespace}/payment")]}, {service: [f"{namespace}/till"]}, set()
    )
    words = ("--server-side", "--field-manager=review", "-f", "-", "-o", "json")
    spec = json.loads(kubectl("apply", *words, stdin=text))["spec"]
    assert spec["service"] == {"name": "checkout", "kind": "Service", "team": "payments"}
    assert [(one["name"], one["requirement"]) for one in spec["dependencies"]] == [
        ("cart", "Hard"),
        ("payment", "Soft"),
    ]
