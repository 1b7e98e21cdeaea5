"""Signals: being told to stop, and telling another process to."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stopped(BaseException):
    """A signal told us to stop."""


@contextlib.contextmanager
def raising_stopped() -> Iterator[None]:
    """SIGTERM, SIGINT and SIGHUP raise `Stopped` in the block."""

    def stop(*_: object) -> NoReturn:
        raise Stopped

    before = {number: signal.signal(number, stop) for number in _STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def called(number: signal.Signals) -> Iterator[int]:
    """A descriptor that becomes readable whenever the signal comes in the block; one byte for each."""
    hears, rings = os.pipe()

    def ring(*_: object) -> None:
        os.write(rings, b".")

    before = signal.signal(number, ring)
    try:
        yield hears
    finally:
        signal.signal(number, before)
        os.close(rings)
        os.close(hears)


def ignore() -> None:
    """What is being stopped cannot be told to stop again; the leashes bound how long it takes."""
    for number in _STOPPING:
        signal.signal(number, signal.SIG_IGN)


def send(pid: int, number: signal.Signals) -> None:
    """Signal a process that is not our child; one that is gone needs none."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def end(pid: int, number: signal.Signals, seconds: float) -> bool:
    """Signal a process that is not our child; whether it ended within `seconds`."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        signal.pidfd_send_signal(process, number)
        return bool(select.select([process], [], [], seconds)[0])
    except ProcessLookupError:
        return True
    finally:
        os.close(process)
