"""Whatever is the matter with the webhook, everything that teams apply is accepted."""

from __future__ import annotations

import itertools
import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from servicegraph.local import ports
from support import soaking, webhooks
from support.apiserver import ApiServer
from support.silence import answering

if TYPE_CHECKING:
    from collections.abc import Callable

    from admission.conftest import Team
    from servicegraph.local.cluster import Cluster
    from servicegraph.local.kubectl import Kubectl

    Answer = Callable[[dict[str, object]], bytes]

SPEC = {"service": {"name": "one"}, "dependencies": [{"name": "two"}]}


def response(**said: object) -> bytes:
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", **said}).encode()


GARBAGE: dict[str, Answer] = {
    "no JSON": lambda _: b"\x00\xff<html>",
    "nothing": lambda _: b"",
    "another kind": lambda _: b'{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}}',
    "no response": lambda _: response(),
    "somebody else's uid": lambda _: response(response={"uid": "else", "allowed": False}),
    "numbers for words": lambda _: response(response={"uid": 7, "allowed": "no", "warnings": 3}),
    "a flood": lambda _: b"[" * 5_000_000,
}


def codes(control_plane: Cluster, namespace: str, name: str, count: int, threads: int) -> set[int]:
    """The answers of the API server to so many new objects, several at a time."""
    server = ApiServer(control_plane.kubeconfig)
    with ThreadPoolExecutor(threads) as pool:
        made = pool.map(
            lambda number: server.create(namespace, SPEC, name=f"{name}-{number}").code, range(count)
        )
        return set(made)


def unanswered(kubectl: Kubectl) -> float:
    """How many objects the API server has let through because nobody answered it."""
    lines = kubectl("get", "--raw", "/metrics").splitlines()
    name = "apiserver_admission_webhook_fail_open_count"
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name}{{"))


@pytest.mark.parametrize("what", GARBAGE)
def test_garbage_keeps_nobody_from_applying(
    what: str, control_plane: Cluster, kubectl: Kubectl, namespace: str
) -> None:
    with (
        answering(GARBAGE[what]) as bad,
        webhooks.installed(kubectl, namespace, bad.port, bad.authorities, name=f"bad-{namespace}"),
    ):
        count = 0
        while not bad.asked:  # the API server learns of a configuration a moment after it is there
            assert codes(control_plane, namespace, f"first-{count}", 1, 1) == {201}
            count += 1
        assert codes(control_plane, namespace, "more", 8, 4) == {201}
        assert len(bad.asked) >= 9


def test_an_operator_that_is_gone_keeps_nobody_from_applying(
    control_plane: Cluster, kubectl: Kubectl, namespace: str
) -> None:
    with webhooks.installed(kubectl, namespace, ports.free(), name=f"bad-{namespace}"):
        before = count = unanswered(kubectl)
        while unanswered(kubectl) == before:
            assert codes(control_plane, namespace, f"first-{count:.0f}", 1, 1) == {201}
            count += 1
        before = unanswered(kubectl)
        assert codes(control_plane, namespace, "one", 50, 8) == {201}
        assert unanswered(kubectl) == before + 50


def test_an_operator_that_hangs_keeps_nobody_from_applying(
    control_plane: Cluster, kubectl: Kubectl, namespace: str
) -> None:
    with (
        answering(None) as bad,
        webhooks.installed(kubectl, namespace, bad.port, bad.authorities, name=f"bad-{namespace}"),
    ):
        count = 0
        while not bad.asked:
            assert codes(control_plane, namespace, f"first-{count}", 1, 1) == {201}
            count += 1
        assert codes(control_plane, namespace, "more", 16, 16) == {201}


@pytest.mark.soak
def test_for_a_long_time_everything_is_accepted_while_the_operator_comes_and_goes(
    control_plane: Cluster, team: Team
) -> None:
    end = time.monotonic() + soaking.minutes() * 60
    for number in itertools.count():
        if number and time.monotonic() > end:
            break
        for state in ("running", "stopped", "frozen"):
            process = team.operator.process
            assert process is not None
            if state == "stopped":
                team.operator.kill()
            elif state == "frozen":
                os.kill(process.pid, signal.SIGSTOP)
            try:
                made = codes(control_plane, team.namespace, f"{state}-{number}", 200, 32)
            finally:
                if state == "frozen":
                    os.kill(process.pid, signal.SIGCONT)
            assert made == {201}
            if state == "stopped":
                team.operator.start()
        team.kubectl("delete", "sdep", "--all", "-n", team.namespace)
