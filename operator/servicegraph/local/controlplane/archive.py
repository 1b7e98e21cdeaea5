"""The official archive of etcd and kube-apiserver, which controller-tools publishes for tests ("envtest").

An index lists every archive with its SHA-512. Where the index cannot be reached within seconds, we are
offline or behind a wall and move on; an archive that differs from its checksum is never unpacked.
"""

from __future__ import annotations

import hashlib
import tarfile
import threading
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from servicegraph.local.progress import Progress

VERSION = "v1.37.0"
_CONNECT_SECONDS = 5
_INDEX_SECONDS = 10  # all of it, name resolution included, which no time-out of a socket covers
_CHUNK = 1 << 20


class Unusable(Exception):
    """The archive cannot be had, or must not be used."""


def fetch(index_url: str, target: str, programs: tuple[str, ...], folder: Path, progress: Progress) -> None:
    """Put `programs` of the archive for `target` (as `linux-amd64`) into `folder`.

    Raises:
        Unusable: there is no such archive, it cannot be reached, or it is not what its checksum says.
    """
    name = f"envtest-{VERSION}-{target}.tar.gz"
    entry = _index(index_url).get(VERSION, {}).get(name)
    if entry is None:
        raise Unusable(f"{index_url} does not list {name}")
    packed = folder / name
    progress.step(f"Fetching the official control-plane archive {VERSION}")
    try:
        digest = _download(entry["selfLink"], packed, progress)
    except OSError as error:
        raise Unusable(f"{entry['selfLink']}: {error}") from error
    if digest != entry["hash"]:
        packed.unlink()
        raise Unusable(f"the SHA-512 of {name} is {digest[:12]}…, not {entry['hash'][:12]}… as published")
    _unpack(packed, programs, folder)
    packed.unlink()


def _index(url: str) -> dict[str, Any]:
    """The releases by version, each with its archives by name."""
    answer: list[bytes | Exception] = []

    def read() -> None:
        try:
            with urllib.request.urlopen(url, timeout=_CONNECT_SECONDS) as response:  # noqa: S310 - a setting's URL
                answer.append(response.read())
        except (OSError, ValueError) as error:
            answer.append(error)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(_INDEX_SECONDS)
    if not answer:
        raise Unusable(f"{url} did not answer within {_INDEX_SECONDS} s")
    if isinstance(answer[0], Exception):
        raise Unusable(f"{url}: {answer[0]}") from answer[0]
    try:
        releases = yaml.safe_load(answer[0])["releases"]
    except (yaml.YAMLError, TypeError, KeyError) as error:
        raise Unusable(f"{url} is not the list of releases") from error
    return releases if isinstance(releases, dict) else {}


def _download(url: str, path: Path, progress: Progress) -> str:
    """Save what `url` answers; its SHA-512 in hexadecimal digits."""
    digest = hashlib.sha512()
    with urllib.request.urlopen(url, timeout=_CONNECT_SECONDS) as response, path.open("wb") as file:  # noqa: S310 - listed
        while chunk := response.read(_CHUNK):
            digest.update(chunk)
            file.write(chunk)
            progress.detail(f"{file.tell() / 1e6:.0f} MB")
    return digest.hexdigest()


def _unpack(packed: Path, programs: tuple[str, ...], folder: Path) -> None:
    """Take the programs out of the archive, wherever in it they lie, and nothing else."""
    found = set()
    with tarfile.open(packed) as archive:
        for member in archive:
            name = Path(member.name).name
            content = archive.extractfile(member) if member.isfile() and name in programs else None
            if content is not None:
                with (folder / name).open("wb") as file:
                    while chunk := content.read(_CHUNK):
                        file.write(chunk)
                (folder / name).chmod(0o755)
                found.add(name)
    if found != set(programs):
        raise Unusable(f"{packed.name} lacks {', '.join(sorted(set(programs) - found))}")
