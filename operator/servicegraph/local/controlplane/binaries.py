"""Where etcd and kube-apiserver come from.

In this order: the folder that `KUBEBUILDER_ASSETS` names (the field's usual way to point at them), this
user's cache, the official archive, a build from the Go modules pinned beside this file. One process of a user
fetches or builds at a time; others wait for it, and find the result in the cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from servicegraph.errors import PartFailed
from servicegraph.local.build import build
from servicegraph.local.cache import new_folder, one_at_a_time
from servicegraph.local.controlplane import archive, recipe
from servicegraph.local.download import Unusable, target

if TYPE_CHECKING:
    from pathlib import Path

    from servicegraph.local.progress import Progress
    from servicegraph.settings import LocalSettings

PROGRAMS = ("etcd", "kube-apiserver")
_BUILT = f"{recipe.KUBERNETES}-etcd-{recipe.ETCD}"


@dataclass(frozen=True, slots=True)
class Binaries:
    """The two programs of a control plane."""

    etcd: Path
    kube_apiserver: Path


def locate(settings: LocalSettings, progress: Progress) -> Binaries:
    """The programs, fetched or built when this machine has none.

    Raises:
        PartFailed: they cannot be had; the message says what to do.
    """
    if settings.kubebuilder_assets:
        if missing := [name for name in PROGRAMS if not (settings.kubebuilder_assets / name).is_file()]:
            raise PartFailed(
                f"KUBEBUILDER_ASSETS={settings.kubebuilder_assets} has no {' and no '.join(missing)}"
            )
        return _in(settings.kubebuilder_assets)
    home = settings.cache / "control-plane"
    if (found := _cached(home)) is None:
        with one_at_a_time(home, "the control plane", progress):
            found = _cached(home) or _fetch(settings, home, progress) or _build(home, progress)
    return found


def _in(folder: Path) -> Binaries:
    return Binaries(*(folder / name for name in PROGRAMS))


def _cached(home: Path) -> Binaries | None:
    """What an earlier run has put into the cache; a folder there is complete, because it came there by renaming."""
    for folder in (home / _BUILT, home / f"envtest-{archive.VERSION}"):
        if all((folder / name).is_file() for name in PROGRAMS):
            return _in(folder)
    return None


def _fetch(settings: LocalSettings, home: Path, progress: Progress) -> Binaries | None:
    """The official archive's programs, or None when it cannot be had or must not be used."""
    if settings.envtest_index_url == "none":
        return None
    progress.step("Looking for the official control-plane archive")
    with new_folder(home / f"envtest-{archive.VERSION}") as folder:
        try:
            archive.fetch(settings.envtest_index_url, target(), PROGRAMS, folder, progress)
        except Unusable as reason:
            progress.note(f"The official archive is not used: {reason}")
            return None
    return _cached(home)


def _build(home: Path, progress: Progress) -> Binaries:
    with new_folder(home / _BUILT) as folder:
        build(recipe.CONTROL_PLANE, folder, home / "build.log", home / "go", progress)
    return _in(home / _BUILT)
