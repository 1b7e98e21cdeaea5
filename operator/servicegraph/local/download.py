"""Fetching published archives of programs: short waits, checksums, nothing unpacked but what was asked for.

Where the publisher cannot be reached within seconds we are offline or behind a wall, and the caller moves on to the next way
to get the program. What is published where is the business of the callers: `controlplane.archive`, `prometheus.archive`.
"""

from __future__ import annotations

import hashlib
import platform
import tarfile
import threading
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from servicegraph.local.progress import Progress

_CONNECT_SECONDS = 5
_LIST_SECONDS = 10  # all of it, name resolution included, which no time-out of a socket covers
_CHUNK = 1 << 20
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


class Unusable(Exception):
    """The archive cannot be had, or must not be used."""


def target() -> str:
    """How publishers name the archive for this machine, as `linux-amd64`."""
    return f"linux-{_ARCHITECTURES.get(platform.machine(), platform.machine())}"


def read(url: str) -> bytes:
    """What a small page says: a list of checksums.

    Raises:
        Unusable: it cannot be had within seconds.
    """
    answer: list[bytes | Exception] = []

    def ask() -> None:
        try:
            with urllib.request.urlopen(url, timeout=_CONNECT_SECONDS) as response:  # noqa: S310 - a setting's URL
                answer.append(response.read())
        except (OSError, ValueError) as error:
            answer.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_LIST_SECONDS)
    if not answer:
        raise Unusable(f"{url} did not answer within {_LIST_SECONDS} s")
    if isinstance(answer[0], Exception):
        raise Unusable(f"{url}: {answer[0]}") from answer[0]
    return answer[0]


def programs(
    url: str, algorithm: str, checksum: str, names: tuple[str, ...], folder: Path, progress: Progress
) -> None:
    """Put the programs `names` of the archive at `url` into `folder`, once its checksum is known to be right.

    Args:
        url: of a packed tar archive.
        algorithm: of the checksum, as `hashlib` calls it.
        checksum: hexadecimal digits, as published.
        names: of the programs.
        folder: exists.
        progress: hears how much has come.

    Raises:
        Unusable: it cannot be fetched, is not what its checksum says, or lacks a program.
    """
    packed = folder / url.rpartition("/")[2]
    try:
        digest = _save(url, packed, algorithm, progress)
        if digest != checksum:
            kind = algorithm.upper().replace("SHA", "SHA-")
            raise Unusable(
                f"the {kind} of {packed.name} is {digest[:12]}…, not {checksum[:12]}… as published"
            )
        _unpack(packed, names, folder)
    except OSError as error:
        raise Unusable(f"{url}: {error}") from error
    finally:
        packed.unlink(missing_ok=True)


def _save(url: str, path: Path, algorithm: str, progress: Progress) -> str:
    """Save what `url` answers; its checksum in hexadecimal digits."""
    digest = hashlib.new(algorithm)
    with urllib.request.urlopen(url, timeout=_CONNECT_SECONDS) as response, path.open("wb") as file:  # noqa: S310 - listed
        while chunk := response.read(_CHUNK):
            digest.update(chunk)
            file.write(chunk)
            progress.detail(f"{file.tell() / 1e6:.0f} MB")
    return digest.hexdigest()


def _unpack(packed: Path, names: tuple[str, ...], folder: Path) -> None:
    """Take the programs out of the archive, wherever in it they lie, and nothing else."""
    found: set[str] = set()
    with tarfile.open(packed) as archive:
        for member in archive:
            name = Path(member.name).name
            content = archive.extractfile(member) if member.isfile() and name in names else None
            if content is not None:
                with (folder / name).open("wb") as file:
                    while chunk := content.read(_CHUNK):
                        file.write(chunk)
                (folder / name).chmod(0o755)
                found.add(name)
    if found != set(names):
        for name in found:  # half of it is no use, and must not pass for all of it
            (folder / name).unlink()
        raise Unusable(f"{packed.name} lacks {', '.join(sorted(set(names) - found))}")
