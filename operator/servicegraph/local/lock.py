"""File locks that the system drops with the last process that holds them.

A lock is held through an open descriptor (`flock`): children that inherit it hold it too, and no death,
however sudden, leaves it behind.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POLL_SECONDS = 0.05
pause = threading.Event()
"""Never set: its `wait(POLL_SECONDS)` is the interval between two looks at what cannot wake us."""


@contextlib.contextmanager
def opened(path: Path) -> Iterator[int]:
    """A descriptor of the file `path`, made when missing; closing it drops the lock unless a child holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def take(lock: int, seconds: float = 0) -> bool:
    """Take a lock for ourselves, waiting at most `seconds`; those who only look, sharing it for an instant, do not count."""
    deadline = time.monotonic() + seconds
    while not _try(lock, fcntl.LOCK_EX):
        if _try(lock, fcntl.LOCK_SH):  # only lookers hold it: again
            fcntl.flock(lock, fcntl.LOCK_UN)
        elif time.monotonic() > deadline:
            return False
        else:
            pause.wait(POLL_SECONDS)
    return True


def is_taken(path: Path) -> bool:
    """Whether somebody holds the lock on the file `path`."""
    if not path.exists():
        return False
    with opened(path) as lock:
        return not _try(lock, fcntl.LOCK_SH)


def _try(lock: int, how: int) -> bool:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
