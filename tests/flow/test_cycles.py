"""Circles on a running operator: from `kubectl apply` to CycleAlert objects, Events and conditions, and back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from servicegraph.model.cyclealert import INSTANCE_LABEL, KIND
from servicegraph.model.fields import print_time
from servicegraph.model.servicedependency import API_VERSION
from servicegraph.store import migrate
from support.apiserver import ApiServer
from support.manifests import manifest
from support.operators import eventually
from support.ringed import Ringed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servicegraph.local.cluster import Cluster
    from servicegraph.local.kubectl import Kubectl
    from support.operators import Operator


@pytest.fixture
def rings(
    stopped_operator: Operator, control_plane: Cluster, kubectl: Kubectl, namespace: str
) -> Iterator[Ringed]:
    """Circles under an operator that is not started yet; its alerts are deleted afterwards."""
    yield Ringed(kubectl, ApiServer(control_plane.kubeconfig), stopped_operator, namespace)
    if stopped_operator.process is not None:
        stopped_operator.stop()
    kubectl("delete", "cyclealerts", f"--selector={INSTANCE_LABEL}={stopped_operator.instance}")


def test_a_circle_is_alerted_announced_once_and_told_to_those_that_declare_it(rings: Ringed) -> None:
    rings.operator.start()
    team = rings.team
    team.apply(manifest("outside", "a"), manifest("a", "b"), manifest("b", "a"))
    rings.await_states(ab="Open")
    alert = rings.alert("ab")
    name, status = alert["metadata"]["name"], alert["status"]
    assert (status["severity"], status["memberCount"], status["observedGeneration"]) == ("Critical", 2, 1)
    assert status["path"] == f"{team.id('a')} → {team.id('b')} → {team.id('a')}"
    team.wait(condition="Ready")  # a circle makes nobody less Ready
    team.wait("a", "b", condition="InCycle")
    assert team.get("a")["status"]["cycles"] == [name]
    assert name in team.condition("b", "InCycle")["message"]
    assert team.condition("outside", "InCycle")["reason"] == "NotInCycle"
    rings.await_events(name, CycleOpened=1)
    for member in "ab":
        rings.await_events(member, rings.namespace, CycleOpened=1)
    assert rings.events("outside", rings.namespace) == {}
    assert "CycleOpened" in rings.kubectl("describe", "cyca", name)

    team.apply(manifest("b"))
    rings.await_states(ab="Resolved")
    rings.await_events(name, CycleOpened=1, CycleResolved=1)
    for member in "ab":
        rings.await_events(member, rings.namespace, CycleOpened=1, CycleResolved=1)
    eventually(lambda: team.condition("a", "InCycle")["reason"] == "NotInCycle", "a is in no circle")
    assert "cycles" not in team.get("a")["status"]


def test_people_acknowledge_circles_until_they_grow_or_time_is_over(rings: Ringed) -> None:
    rings.operator.start()
    rings.become("ab ac xz")
    rings.await_states(abc="Open", xz="Open")
    name, brief = rings.name("abc"), rings.name("xz")
    soon = print_time(datetime.now(UTC) + timedelta(seconds=20))
    rings.acknowledge(brief, reason="for a moment", until=soon)
    rings.acknowledge(name, reason="known", by="ana")
    rings.await_states(abc="Acknowledged", xz="Acknowledged")
    assert rings.alert("abc")["status"]["acknowledged"]["generation"] == 2

    rings.become("ab xz")
    eventually(lambda: "ab" in rings.states(), "it shrinks")
    assert rings.states()["ab"] == "Acknowledged"
    rings.become("ab ad xz")
    eventually(lambda: "abd" in rings.states(), "it grows")
    rings.await_reason("abd", "GrewSinceAcknowledged")
    assert rings.name("abd") == name
    rings.acknowledge(name, reason="known with d")
    rings.await_reason("abd", "AcknowledgedOnAlert")
    rings.acknowledge(name)
    rings.await_reason("abd", "NotAcknowledged")

    accepted = {"name": "a", "acceptedCycle": {"reason": "split planned"}}
    rings.team.apply(manifest("d", accepted), manifest("b", accepted))
    rings.await_reason("abd", "AcceptedInManifests")
    assert rings.states()["abd"] == "Acknowledged"
    rings.team.wait("a", "b", "d")

    rings.await_reason("xz", "AcknowledgementExpired")
    assert rings.states()["xz"] == "Open"
    rings.await_events(name, CycleOpened=2, CycleAcknowledged=3, CycleShrank=1, CycleGrew=1)
    rings.await_events(brief, CycleOpened=2, CycleAcknowledged=1)


def test_circles_merge_and_split_and_no_two_alerts_share_a_name(rings: Ringed) -> None:
    rings.operator.start()
    rings.become("ab bc cd de xz")
    rings.await_states(abcde="Open", xz="Open")
    first, second = rings.name("abcde"), rings.name("xz")
    rings.become("ab bc de xz zrsvx")
    rings.await_states(abc="Open", de="Open", rsvxz="Open")
    assert (rings.name("abc"), rings.name("rsvxz")) == (first, second)
    split = rings.alert("de")
    assert split["status"]["splitFrom"] == first

    rings.become("ab bc cd de xz zrsvx rsv")
    rings.await_states(abcde="Open", de="Resolved", rsvxz="Open")
    assert rings.name("abcde") == first
    assert rings.alert("de")["status"]["mergedInto"] == first
    rings.become("ab bc de xz rsv")
    rings.await_states(abc="Open", de="Open", rsv="Open", xz="Open")
    assert rings.name("rsv") == second, "the larger piece goes on"
    assert rings.name("xz") == f"{second}-2", "and the name of the smaller one is taken"

    assert rings.alert("de")["metadata"]["uid"] == split["metadata"]["uid"], "the same circle is back"
    rings.await_events(split["metadata"]["name"], CycleOpened=2, CycleResolved=1)
    eventually(
        lambda: rings.team.get("d")["status"].get("cycles") == [split["metadata"]["name"]], "d is told"
    )


def test_a_restart_writes_and_announces_nothing_and_repairs_what_was_lost(rings: Ringed) -> None:
    rings.operator.start()
    rings.become("ab cd")
    rings.await_states(ab="Open", cd="Open")
    name, known = rings.name("ab"), rings.name("cd")
    rings.acknowledge(known, reason="known")
    rings.await_states(ab="Open", cd="Acknowledged")
    rings.await_events(name, CycleOpened=1)
    rings.await_events(known, CycleOpened=1, CycleAcknowledged=1)
    for member in "abcd":
        eventually(lambda at=member: rings.team.condition(at, "InCycle").get("status") == "True", member)  # type: ignore[misc] # a default binds it
    opened = rings.alert("ab")
    rings.kubectl("delete", "cyca", name)
    eventually(lambda: _uid(rings, name) not in {None, opened["metadata"]["uid"]}, "it is made again")
    assert rings.alert("ab")["status"]["openedAt"] == opened["status"]["openedAt"]
    before = _versions(rings)
    version = rings.operator.version()
    rings.operator.stop()

    rings.operator.start()
    rings.become("ab cd ef")  # what is told of ef is told after everything else was looked at
    rings.await_states(ab="Open", cd="Acknowledged", ef="Open")
    rings.await_events(rings.name("ef"), CycleOpened=1)
    for member in "ef":
        rings.await_events(member, rings.namespace, CycleOpened=1)
    assert before.items() <= _versions(rings).items()
    assert rings.operator.version() == version + 1
    assert rings.operator.metric("servicegraph_alert_writes_total") == 2
    assert rings.operator.metric("servicegraph_events_total") == 3
    rings.operator.stop()

    rings.kubectl("delete", "cyca", name)
    _create(
        rings, name, rings.operator.instance
    )  # as after a crash between the two calls that make an object
    rings.operator.start()
    rings.await_states(ab="Open", cd="Acknowledged", ef="Open")
    rings.await_events(name, CycleOpened=1)


def _uid(rings: Ringed, name: str) -> str | None:
    return next((one["metadata"]["uid"] for one in rings.alerts() if one["metadata"]["name"] == name), None)


def _versions(rings: Ringed) -> dict[str, str]:
    return {one["metadata"]["name"]: one["metadata"]["resourceVersion"] for one in rings.alerts()}


def _create(rings: Ringed, name: str, instance: str, spec: dict[str, Any] | None = None) -> None:
    meta = {"name": name, "labels": {INSTANCE_LABEL: instance}}
    body = {"apiVersion": API_VERSION, "kind": KIND, "metadata": meta, "spec": spec or {}}
    rings.kubectl("create", "-f", "-", stdin=json.dumps(body))


def test_objects_of_people_and_of_other_operators_stay_and_resolved_ones_go_in_time(rings: Ringed) -> None:
    note = {"acknowledgement": {"reason": "just in case"}}
    mine, theirs = f"mine-{rings.namespace}", f"theirs-{rings.namespace}"
    _create(rings, mine, rings.operator.instance, note)
    _create(rings, theirs, "another", note)
    rings.operator.extra = {"CYCLE_ALERT_RETENTION_HOURS": "0.0005"}
    rings.operator.start()
    rings.kubectl("wait", "cyca", mine, "--for=condition=Ready", "--timeout=60s")
    assert [one["status"]["state"] for one in rings.alerts()] == ["NotOpen"]
    rings.kubectl("delete", "cyca", mine)

    rings.become("ab cd")
    rings.await_states(ab="Open", cd="Open")
    kept = rings.name("cd")
    rings.acknowledge(kept, reason="a note to keep")
    rings.await_states(ab="Open", cd="Acknowledged")
    rings.become("")
    rings.await_states(cd="Resolved")
    rings.acknowledge(kept)
    rings.await_states()
    left = json.loads(rings.kubectl("get", "cyca", theirs, "-o", "json"))
    assert left["status"] == {"observedGeneration": -1}
    rings.kubectl("delete", "cyca", theirs)


def test_after_the_loss_of_the_database_alerts_go_on_under_their_names(
    rings: Ringed, empty_database: str
) -> None:
    rings.operator.start()
    rings.become("abc de")
    rings.await_states(abc="Open", de="Open")
    name, over = rings.name("abc"), rings.name("de")
    rings.acknowledge(name, reason="known")
    rings.await_states(abc="Acknowledged", de="Open")
    rings.await_events(name, CycleOpened=1, CycleAcknowledged=1)
    rings.await_events(over, CycleOpened=1)
    before = rings.alert("abc")
    rings.operator.stop()
    rings.become("abc")

    migrate.upgrade(empty_database)
    rings.operator.database_url = empty_database
    rings.operator.start()
    rings.await_states(abc="Acknowledged", de="Resolved")
    after = rings.alert("abc")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    for same in ("openedAt", "acknowledged", "members", "observedGeneration"):
        assert after["status"][same] == before["status"][same]
    rings.await_events(over, CycleOpened=1, CycleResolved=1)
    rings.await_events(name, CycleOpened=1, CycleAcknowledged=1)
