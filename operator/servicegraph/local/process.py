"""Child processes that never outlive us: starting, watching and stopping them.

Each program runs under a leash (`leash.py` says how), in a session of its own, with its output in a log file,
holding none of our stdin, stdout and stderr. Everything here is synchronous and may be used from any thread.
Which programs there are is no business of this module: `postgres`, `cluster` and `environment` build the
`Command`s.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from servicegraph.errors import PartFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

_LEASH = Path(__file__).with_name("leash.py")
_POLL_SECONDS = 0.05
_TAIL_BYTES = 32_768


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run.

    Attributes:
        name: what people call it; stands in messages.
        argv: program and arguments.
        log: file that its output is appended to.
        environment: variables of the program; None hands on ours.
        user: name of the user that it runs as; "" is ours (another one takes root).
        folder: where it runs; one that `user` can enter.
        stop: signal that asks it to end.
        grace: seconds that it may take to end before it is killed.
        inherits: descriptors that it holds as long as it lives, locks for instance.
    """

    name: str
    argv: tuple[str, ...]
    log: Path
    environment: Mapping[str, str] | None = field(default=None, repr=False)
    user: str = ""
    folder: Path = Path("/")
    stop: signal.Signals = signal.SIGTERM
    grace: float = 5
    inherits: tuple[int, ...] = ()


class Process:
    """A running program on its leash.

    Attributes:
        command: what was started.
        pid: process id of the program itself, not of the leash.
        started: seconds on the monotonic clock at which it was started.
    """

    def __init__(self, command: Command) -> None:
        self.command = command
        self.started = time.monotonic()
        held, self._lifeline = os.pipe()
        self._report, reported = os.pipe()
        leash = (sys.executable, "-I", "-S", str(_LEASH), str(held), str(reported))
        options = (str(int(command.stop)), str(command.grace), command.user)
        command.log.parent.mkdir(parents=True, exist_ok=True)
        try:
            with command.log.open("ab") as log:
                self._leash = subprocess.Popen(  # noqa: S603 - our own programs
                    (*leash, *options, *command.argv),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=command.folder,
                    env=command.environment,
                    pass_fds=(held, reported, *command.inherits),
                    start_new_session=True,
                )
        except BaseException:
            os.close(self._lifeline)
            os.close(self._report)
            raise
        finally:
            os.close(held)
            os.close(reported)
        line = os.read(self._report, 32).strip()
        if not line:
            self.stop()
            raise PartFailed(f"{command.name} could not be put on a leash\n{self.tail()}")
        self.pid = int(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def fileno(self) -> int:
        """A descriptor that becomes readable when the program has ended; for `select`."""
        return self._report

    def ended(self) -> int | None:
        """The exit code as a shell tells it (128 + n for signal n), or None while the program runs."""
        return self._leash.poll()

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait at most `seconds` (for ever when left out) for the end; the exit code, or None while the program runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._leash.wait(seconds)
        return None

    def stop(self) -> int:
        """Ask the program to end, kill it when its grace has passed, and return its exit code; harmless when it has ended."""
        lifeline, self._lifeline = self._lifeline, -1
        if lifeline >= 0:
            os.close(lifeline)
        code = self._leash.wait()
        report, self._report = self._report, -1
        if report >= 0:
            os.close(report)
        return code

    def tail(self, lines: int = 15) -> str:
        """The last lines of its log."""
        return tail(self.command.log, lines)

    def await_ready(self, ready: Callable[[], bool], seconds: float = 60) -> None:
        """Wait until `ready()` holds.

        Raises: PartFailed: the program ended first, or `seconds` have passed; the last lines of its log are
        in the message.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            if select.select((self._report,), (), (), _POLL_SECONDS)[0]:
                raise PartFailed(f"{self.obituary()}\n{self.tail()}")
            if time.monotonic() > deadline:
                raise PartFailed(f"{self.command.name} is not ready after {seconds:.0f} s\n{self.tail()}")

    def obituary(self) -> str:
        """One line that says how the program ended."""
        return f"{self.command.name} (process {self.pid}) {_how(self._leash.wait())}; its log is {self.command.log}"


def _how(code: int) -> str:
    """An exit code in words; 128 + n stands for signal n, as in a shell."""
    if code - 128 in {number.value for number in signal.Signals}:
        return f"was killed by {signal.Signals(code - 128).name}"
    return f"ended with exit code {code}"


def tail(log: Path, lines: int = 15) -> str:
    """The last `lines` lines of a file; "" when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
