"""Prometheus in a container, where a container engine answers.

The container shares the network of the machine, so that Prometheus listens on 127.0.0.1 only and reaches what listens there;
the folder of its files is mounted under its own name, so that the same command line serves inside and outside.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from servicegraph.local.process import Command, Process
from servicegraph.local.prometheus.archive import VERSION

if TYPE_CHECKING:
    from pathlib import Path

    from servicegraph.local.progress import Progress

IMAGE = f"prom/prometheus:v{VERSION}"
_ENGINES = ("docker", "podman")
_ANSWER_SECONDS = 10
_PULL_SECONDS = 300
_LOOK_SECONDS = 0.5


def engine() -> str:
    """The container engine that answers; "" when none does."""
    for program in filter(None, map(shutil.which, _ENGINES)):
        with contextlib.suppress(subprocess.TimeoutExpired):
            info = (program, "info")
            asked = subprocess.run(info, capture_output=True, check=False, timeout=_ANSWER_SECONDS)  # noqa: S603 - on the PATH
            if asked.returncode == 0:
                return program
    return ""


def pull(program: str, log: Path, progress: Progress) -> bool:
    """Have the engine fetch the image; whether it has it now."""
    has = (program, "image", "inspect", IMAGE)
    if subprocess.run(has, capture_output=True, check=False).returncode == 0:  # noqa: S603 - found on the PATH
        return True
    progress.step(f"Fetching the image {IMAGE}")
    waited = 0.0
    with Process(Command("the container engine", (program, "pull", IMAGE), log)) as process:
        while process.wait(_LOOK_SECONDS) is None and waited < _PULL_SECONDS:
            waited += _LOOK_SECONDS
            progress.detail(f"{waited:.0f} s")
        return process.ended() == 0


def launcher(program: str, folder: Path, name: str) -> tuple[str, ...]:
    """The words before Prometheus' own options that run it in a container called `name` with `folder` mounted.

    A container outlives a killed engine command, so what is left of an earlier one is removed first.
    """
    run = (
        program, "run", "--rm", "--name", name, "--network=host", f"--user={os.getuid()}:{os.getgid()}",
        f"--volume={folder}:{folder}", IMAGE,
    )  # fmt: skip
    return ("sh", "-c", '"$1" rm --force "$0" >/dev/null 2>&1; exec "$@"', name, *run)
