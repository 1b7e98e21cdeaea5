"""What the API server itself makes of CycleAlert objects and of Events about them, under the rights that ship."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from servicegraph.clock import SystemClock
from servicegraph.errors import KubernetesConflict, KubernetesGone, KubernetesRefused
from servicegraph.kube.client import KubeClient
from servicegraph.model import cyclealert
from servicegraph.model.alert import AlertReason, Transition, TransitionKind, TransitionRecord
from servicegraph.model.servicedependency import API_VERSION
from servicegraph.settings import Settings
from servicegraph.writeback.alerts import Write, next_step
from servicegraph.writeback.events import BURST, Recorder, Subject
from servicegraph.writeback.live_alert import LiveAlert
from support.apiserver import ApiServer
from support.cyclealerts import Versions, only
from support.operators import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from servicegraph.local.cluster import Cluster
    from servicegraph.local.kubectl import Kubectl

OPERATOR = "--as=system:serviceaccount:servicegraph-system:servicegraph"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ALERTS = f"/apis/{API_VERSION}/{cyclealert.PLURAL}"


@pytest.fixture
def server(control_plane: Cluster) -> ApiServer:
    return ApiServer(control_plane.kubeconfig)


@pytest.fixture
def instance(kubectl: Kubectl) -> Iterator[str]:
    """The name of an operator of this test's own; its alerts are deleted afterwards."""
    name = f"test-{secrets.token_hex(4)}"
    yield name
    kubectl("delete", "cyclealerts", f"--selector={cyclealert.INSTANCE_LABEL}={name}")


@pytest.fixture
async def kube(control_plane: Cluster) -> AsyncIterator[KubeClient]:
    async with KubeClient(Settings(kubeconfig=str(control_plane.operator_kubeconfig))) as client:
        yield client


async def shown(kube: KubeClient, name: str, instance: str, letters: str = "abc") -> dict[str, Any]:
    """An alert that tells of a circle."""
    graph = Versions().become(letters)
    live = LiveAlert.of(await kube.create_alert(name, instance))
    step = next_step(only(graph), live, graph, instance, NOON)
    assert isinstance(step, Write)
    return await kube.apply_alert_status(name, live.resource_version, step.status)


async def test_kubectl_shows_state_severity_services_path_and_since_and_the_cut_with_wide(
    kube: KubeClient, kubectl: Kubectl, instance: str
) -> None:
    await shown(kube, f"cycle-{instance}", instance)
    ours = f"--selector={cyclealert.INSTANCE_LABEL}={instance}"
    header, row = kubectl("get", "cyca", ours).splitlines()
    assert header.split() == ["NAME", "STATE", "SEVERITY", "SERVICES", "PATH", "SINCE"]
    assert row.split()[:4] == [f"cycle-{instance}", "Open", "Critical", "3"]
    assert "shop/a → shop/b → shop/c → shop/a" in row
    header, row = kubectl("get", "cyca", ours, "-o", "wide").splitlines()
    assert header.split()[-1] == "CUT"
    assert row.endswith("shop/a → shop/b")


async def test_alerts_can_be_selected_by_state_and_severity(
    kube: KubeClient, kubectl: Kubectl, instance: str
) -> None:
    await shown(kube, f"cycle-{instance}", instance)
    for field, found in (
        ("state=Open", True),
        ("severity=Critical", True),
        ("state=Resolved", False),
        ("severity=Info", False),
    ):
        listed = kubectl(
            "get", "cyca", f"--selector={cyclealert.INSTANCE_LABEL}={instance}",
            f"--field-selector=status.{field}", "-o", "name",
        )  # fmt: skip
        assert listed.split() == [f"cyclealert.servicegraph.dev/cycle-{instance}"] * found


def test_kubectl_explain_teaches_what_an_acknowledgement_is(kubectl: Kubectl) -> None:
    # A CRD is established a moment before discovery and OpenAPI tell of it.
    eventually(lambda: kubectl.run("explain", "cyca").returncode == 0, "kubectl knows cyca")
    said = " ".join(kubectl("explain", "cyca.spec.acknowledgement").split())
    assert "It covers the services that are in it now" in said or "Write it to acknowledge the circle" in said
    assert "reason <string> -required-" in said


async def test_a_new_alert_is_not_yet_seen_and_takes_its_status_in_a_second_call(
    kube: KubeClient, instance: str
) -> None:
    name = f"cycle-{instance}"
    created = await kube.create_alert(name, instance)
    assert created["status"] == {"observedGeneration": -1}
    assert created["metadata"]["labels"] == {cyclealert.INSTANCE_LABEL: instance}
    with pytest.raises(KubernetesConflict):
        await kube.create_alert(name, "another")
    told = await kube.apply_alert_status(
        name, created["metadata"]["resourceVersion"], {"state": "Open", "observedGeneration": 1}
    )
    assert told["status"] == {"state": "Open", "observedGeneration": 1}
    with pytest.raises(KubernetesConflict):
        await kube.apply_alert_status(name, created["metadata"]["resourceVersion"], {"state": "Resolved"})
    assert name in {one["metadata"]["name"] for one in await kube.list_alerts(limit=1)}


async def test_an_alert_that_somebody_has_changed_is_not_deleted(
    kube: KubeClient, server: ApiServer, instance: str
) -> None:
    name = f"cycle-{instance}"
    meta = (await kube.create_alert(name, instance))["metadata"]
    server.ask(
        "PATCH",
        f"{ALERTS}/{name}",
        {"spec": {"acknowledgement": {"reason": "wait"}}},
        "application/merge-patch+json",
    )
    with pytest.raises(KubernetesConflict):
        await kube.delete_alert(name, meta["uid"], meta["resourceVersion"])
    meta = (await kube.get_alert(name))["metadata"]
    await kube.delete_alert(name, meta["uid"], meta["resourceVersion"])
    with pytest.raises(KubernetesGone):
        await kube.get_alert(name)


async def test_the_operator_cannot_write_into_a_spec(kube: KubeClient, instance: str) -> None:
    await kube.create_alert(f"cycle-{instance}", instance)
    with pytest.raises(KubernetesRefused, match="forbidden"):
        await kube.acknowledge_alert(f"cycle-{instance}", {"reason": "nobody said so"})


@pytest.mark.parametrize(
    ("verb", "what", "may"),
    [
        ("create", "cyclealerts", True),
        ("delete", "cyclealerts", True),
        ("patch", "cyclealerts/status", True),
        ("patch", "cyclealerts", False),
        ("update", "cyclealerts", False),
        ("create", "events.events.k8s.io", True),
        ("patch", "events.events.k8s.io", True),
        ("list", "events.events.k8s.io", False),
        ("delete", "events.events.k8s.io", False),
        ("create", "events", False),
    ],
)
def test_the_operator_may_do_what_it_needs_and_nothing_more(
    kubectl: Kubectl, verb: str, what: str, may: bool
) -> None:
    resource, _, subresource = what.partition("/")
    asked = [verb, resource, *([f"--subresource={subresource}"] if subresource else [])]
    answer = kubectl.run("auth", "can-i", *asked, OPERATOR, "--all-namespaces").stdout.strip()
    assert answer == ("yes" if may else "no")


def test_those_who_may_acknowledge_circles_may_do_that_and_leave_the_status_to_the_operator(
    kubectl: Kubectl, instance: str
) -> None:
    def may(verb: str, *what: str) -> bool:
        return kubectl.run("auth", "can-i", verb, *what, f"--as={instance}", "-A").stdout.strip() == "yes"

    role = "--clusterrole=servicegraph-acknowledge"
    kubectl("create", "clusterrolebinding", instance, role, f"--user={instance}")
    try:
        # Whom a new binding lets do what, the API server learns a moment later.
        eventually(lambda: may("patch", "cyclealerts"), "they may acknowledge")
        assert all(may(verb, "cyclealerts") for verb in ("get", "list", "watch", "create", "delete"))
        assert not may("patch", "cyclealerts", "--subresource=status")
        assert not may("patch", "servicedependencies")
    finally:
        kubectl("delete", "clusterrolebinding", instance)


def record(version: int = 7, message: str = "they depend on each other") -> TransitionRecord:
    told = Transition("cycle-1", version, TransitionKind.OPENED, AlertReason.NEW_CIRCLE, message)
    return TransitionRecord(told, NOON, announced=False)


def subject(namespace: str) -> Subject:
    """A declaration of this test's own."""
    return Subject("ServiceDependency", namespace, "a", secrets.token_hex(8))


def events(kubectl: Kubectl, about: Subject) -> list[dict[str, Any]]:
    listed = json.loads(
        kubectl("get", "events.events.k8s.io", "-n", about.namespace or "default", "-o", "json")
    )["items"]
    return [one for one in listed if one["regarding"].get("uid") == about.uid]


async def test_the_same_transition_is_told_once_even_by_a_recorder_that_remembers_nothing(
    kube: KubeClient, kubectl: Kubectl, namespace: str
) -> None:
    about = subject(namespace)
    results = [await Recorder(kube, SystemClock(), "test").record(record(), about) for _ in range(2)]
    assert results == ["created", "exists"]
    (one,) = events(kubectl, about)
    assert (one["type"], one["reason"], one["note"]) == (
        "Warning",
        "CycleOpened",
        "they depend on each other",
    )
    assert one["eventTime"] == "2026-01-01T12:00:00.000000Z"
    assert one["reportingController"] == "servicegraph.dev/operator"


async def test_the_same_words_again_are_counted_on_the_event_that_there_is(
    kube: KubeClient, kubectl: Kubectl, namespace: str
) -> None:
    recorder, about = Recorder(kube, SystemClock(), "test"), subject(namespace)
    results = [await recorder.record(record(version), about) for version in (1, 2, 3)]
    assert results == ["created", "repeated", "repeated"]
    (one,) = events(kubectl, about)
    assert one["series"]["count"] == 3
    assert await recorder.record(record(4, "in other words"), about) == "created"


async def test_an_event_that_has_expired_is_written_anew(
    kube: KubeClient, kubectl: Kubectl, namespace: str
) -> None:
    recorder, about = Recorder(kube, SystemClock(), "test"), subject(namespace)
    await recorder.record(record(1), about)
    kubectl("delete", "events", "--all", "-n", namespace)
    assert await recorder.record(record(2), about) == "created"
    assert len(events(kubectl, about)) == 1


async def test_an_object_about_which_too_much_happens_falls_silent_and_others_do_not(
    kube: KubeClient, kubectl: Kubectl, namespace: str
) -> None:
    recorder, loud, quiet = Recorder(kube, SystemClock(), "test"), subject(namespace), subject(namespace)
    results = [await recorder.record(record(at, f"message {at}"), loud) for at in range(BURST + 5)]
    assert results == ["created"] * BURST + ["dropped"] * 5
    assert await recorder.record(record(), quiet) == "created"
    assert len(events(kubectl, loud)) == BURST


async def test_an_event_in_a_namespace_that_is_gone_is_refused(kube: KubeClient) -> None:
    with pytest.raises((KubernetesGone, KubernetesRefused)):
        await Recorder(kube, SystemClock(), "test").record(record(), subject("nowhere"))
