"""The API server itself, frozen and killed for longer than any client waits: a proxy can show neither.

A frozen one holds connections open and answers nothing; one that was killed comes back without caches, and with no watch.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from outages.readers import Reader
from outages.team import ANCHOR, GROUND, Team
from servicegraph.local.process import Process
from support import clusters, soaking
from support.apiserver import ApiServer
from support.operators import Operator, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from servicegraph.local.cluster import Cluster
    from servicegraph.settings import LocalSettings

pytestmark = pytest.mark.soak

SECONDS = 20
NAMESPACE = "mortal"


@dataclass
class MortalApiServer:
    """The API server of a control plane of the test's own."""

    cluster: Cluster
    process: Process

    def kill(self) -> None:
        """SIGKILL."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stop()

    def start(self) -> None:
        """Start it again, and wait until it serves."""
        self.process = Process(self.cluster.apiserver())
        self.process.await_ready(self.cluster.is_ready, seconds=120)


@pytest.fixture
def apiserver(local_settings: LocalSettings, tmp_path: Path) -> Iterator[MortalApiServer]:
    """An API server that is the test's alone."""
    cluster = clusters.prepared(local_settings, tmp_path / "cluster")
    with Process(cluster.etcd()) as etcd:
        etcd.await_ready(cluster.etcd_is_ready)
        server = MortalApiServer(cluster, Process(cluster.apiserver()))
        try:
            server.process.await_ready(cluster.is_ready, seconds=120)
            cluster.install()
            cluster.kubectl.create_namespace(NAMESPACE)
            yield server
        finally:
            server.process.stop()


def test_an_api_server_that_is_frozen_and_then_killed_is_caught_up_with(
    apiserver: MortalApiServer, database: str, tmp_path: Path
) -> None:
    cluster = apiserver.cluster
    team = Team(ApiServer(cluster.kubeconfig), NAMESPACE)
    team.apply(ANCHOR, GROUND)
    operator = Operator(tmp_path, database, cluster.operator_kubeconfig, namespaces=NAMESPACE).start()
    try:
        team.settle(operator)
        with Reader(operator):
            team.apply("before-the-frost", "x")
            os.kill(apiserver.process.pid, signal.SIGSTOP)
            soaking.go_on_for(SECONDS)
            os.kill(apiserver.process.pid, signal.SIGCONT)
            team.apply("after-the-frost", "y")
            team.delete("before-the-frost")
            team.settle(operator)

            team.apply("before-the-end", "x")
            apiserver.kill()
            eventually(lambda: "kubernetes" in operator.degraded(), "/readyz says it")
            soaking.go_on_for(SECONDS)
            apiserver.start()
            team.apply("after-the-end", "y")
            team.delete("before-the-end")
            team.settle(operator)
        eventually(lambda: not operator.degraded(), "nothing is wrong any more")
    finally:
        operator.stop()
