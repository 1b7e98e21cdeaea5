"""Looking at processes from outside: whether they run, what they hold, when they end."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_SECONDS = 60
"""How long a condition may take to come true on a busy machine; reaching it is a failure, never a measurement."""


def await_end(pid: int) -> None:
    """Wait until the process has ended; one that is gone already has."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([watched], [], [], PATIENCE_SECONDS)[0], f"process {pid} does not end"
    finally:
        os.close(watched)


def runs(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def parent_of(pid: int) -> int:
    """Process id of the parent."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def children_of(parent: int) -> set[int]:
    """Process ids of the children, and of theirs, and so on."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = parent_of(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    found: set[int] = set()
    while new := {pid for pid, of in parents.items() if of in found | {parent}} - found:
        found |= new
    return found


def open_files(pid: int) -> set[str]:
    """What the process's descriptors point at."""
    return {str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir() if entry.is_symlink()}


def await_that(condition: Callable[[], bool], what: str) -> None:
    """Wait until `condition` holds; for what cannot wake us."""
    from servicegraph.local.lock import POLL_SECONDS, pause  # noqa: PLC0415 - only those who wait need it

    for _ in range(int(PATIENCE_SECONDS / POLL_SECONDS)):
        if condition():
            return
        pause.wait(POLL_SECONDS)
    raise AssertionError(f"still not so: {what}")


def servicegraph(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a person would; its output is read to the end, so whoever holds it holds us."""
    return subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env=environment(**variables),
    )


def command(*arguments: str) -> list[str]:
    """How to run the command line of this checkout."""
    return [sys.executable, "-P", "-m", "servicegraph", *arguments]


def environment(**variables: str) -> dict[str, str]:
    """Our environment with `variables`, and without what would point the command line elsewhere."""
    kept = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "KUBECONFIG"}}  # noqa: TID251 - a child's
    return kept | variables
