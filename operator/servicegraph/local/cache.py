"""The user's cache of programs that were fetched or built: filled by one process at a time, and never half."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING

from servicegraph.errors import PartFailed
from servicegraph.local.lock import opened, take

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from servicegraph.local.progress import Progress

_LONGEST_BUILD_SECONDS = 3 * 3600


@contextlib.contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A folder to fill; it becomes `target` in one step when the block has filled it, and goes away when it has not."""
    folder = target.with_name(f"{target.name}.new")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
        if any(folder.iterdir()):
            shutil.rmtree(target, ignore_errors=True)
            folder.rename(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def one_at_a_time(home: Path, what: str, progress: Progress) -> Iterator[None]:
    """Hold this user's lock on fetching and building `what` into `home`; says so when somebody else has it.

    Raises:
        PartFailed: somebody has held it for hours.
    """
    home.mkdir(parents=True, exist_ok=True)
    with opened(home / "lock") as lock:
        if not take(lock):
            progress.step(f"Waiting: another process of yours is fetching or building {what}")
            if not take(lock, _LONGEST_BUILD_SECONDS):
                raise PartFailed(f"another process has held {home / 'lock'} for hours; end it and try again")
        yield
