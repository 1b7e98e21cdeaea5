"""The official archive of etcd and kube-apiserver, which controller-tools publishes for tests ("envtest").

An index lists every archive with its SHA-512.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from servicegraph.local import download
from servicegraph.local.download import Unusable

if TYPE_CHECKING:
    from pathlib import Path

    from servicegraph.local.progress import Progress

VERSION = "v1.37.0"


def fetch(index_url: str, target: str, programs: tuple[str, ...], folder: Path, progress: Progress) -> None:
    """Put `programs` of the archive for `target` (as `linux-amd64`) into `folder`.

    Raises:
        Unusable: there is no such archive, it cannot be reached, or it is not what its checksum says.
    """
    name = f"envtest-{VERSION}-{target}.tar.gz"
    entry = _index(index_url).get(VERSION, {}).get(name)
    if entry is None:
        raise Unusable(f"{index_url} does not list {name}")
    progress.step(f"Fetching the official control-plane archive {VERSION}")
    download.programs(entry["selfLink"], "sha512", entry["hash"], programs, folder, progress)


def _index(url: str) -> dict[str, Any]:
    """The releases by version, each with its archives by name."""
    try:
        releases = yaml.safe_load(download.read(url))["releases"]
    except (yaml.YAMLError, TypeError, KeyError) as error:
        raise Unusable(f"{url} is not the list of releases") from error
    return releases if isinstance(releases, dict) else {}
