"""The official archive of Prometheus, published with a list of SHA-256 checksums beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicegraph.local import download
from servicegraph.local.download import Unusable

if TYPE_CHECKING:
    from pathlib import Path

    from servicegraph.local.progress import Progress

VERSION = "3.16.0"
PROGRAM = "prometheus"


def fetch(releases_url: str, folder: Path, progress: Progress) -> None:
    """Put Prometheus into `folder`, from the release below `releases_url`.

    Raises:
        Unusable: there is no archive for this machine, it cannot be reached, or it is not what its checksum says.
    """
    name = f"prometheus-{VERSION}.{download.target()}.tar.gz"
    base = f"{releases_url.rstrip('/')}/v{VERSION}"
    checksums = _checksums(download.read(f"{base}/sha256sums.txt").decode(errors="replace"))
    if name not in checksums:
        raise Unusable(f"{base}/sha256sums.txt does not list {name}")
    progress.step(f"Fetching the official Prometheus {VERSION}")
    download.programs(f"{base}/{name}", "sha256", checksums[name], (PROGRAM,), folder, progress)


def _checksums(text: str) -> dict[str, str]:
    """The checksum of each file, from lines as `sha256sum` writes them."""
    pairs = (line.split() for line in text.splitlines())
    return {words[1].lstrip("*"): words[0] for words in pairs if len(words) == 2}
