"""The Kubernetes control plane of a test run: real etcd and kube-apiserver as child processes, CRDs and roles
applied.
"""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING

from rich.console import Console

from servicegraph.local import ports
from servicegraph.local.cluster import Cluster, Ports
from servicegraph.local.controlplane import binaries
from servicegraph.local.process import Process
from servicegraph.local.progress import Shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from servicegraph.local.progress import Progress
    from servicegraph.settings import LocalSettings


def prepared(settings: LocalSettings, folder: Path, progress: Progress | None = None) -> Cluster:
    """A control plane of which nothing runs yet."""
    cluster = Cluster(
        folder,
        folder / "logs",
        binaries.locate(settings, progress or Shown(Console(stderr=True))),
        Ports(*ports.free_set(3)),
        admin_token=secrets.token_hex(16),
        operator_token=secrets.token_hex(16),
        durable=False,
    )
    cluster.prepare()
    return cluster


@contextlib.contextmanager
def serve(
    settings: LocalSettings, folder: Path, *, install: bool = True, progress: Progress | None = None
) -> Iterator[Cluster]:
    """A control plane for the time of the block, with what ships applied to it unless `install` is false."""
    cluster = prepared(settings, folder, progress)
    with Process(cluster.etcd()) as etcd:
        etcd.await_ready(cluster.etcd_is_ready)
        with Process(cluster.apiserver()) as apiserver:
            apiserver.await_ready(cluster.is_ready, seconds=120)
            if install:
                cluster.install()
            yield cluster
