"""What the local environment tells people while it works: steps, and where the step at hand stands.

On a terminal the step at hand is a live line; elsewhere steps are lines, and a long step says every few
seconds where it stands. A detached environment sends the same as JSON lines through a pipe to the command
that started it (`Sent` and `relay`).
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Protocol

from servicegraph.errors import PartFailed
from servicegraph.local.place import AlreadyRunning

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rich.console import Console
    from rich.status import Status

_LINE_SECONDS = 15


class Progress(Protocol):
    """Whom to tell."""

    def step(self, text: str) -> None:
        """The step before is done and this one begins."""
        ...

    def detail(self, text: str) -> None:
        """Where the step at hand stands; may be called as often as one likes."""
        ...

    def note(self, text: str) -> None:
        """Something worth reading happened beside the steps."""
        ...

    def done(self) -> None:
        """The step at hand is done."""
        ...

    def failed(self) -> None:
        """The step at hand failed; the reason follows in an error."""
        ...


class Shown:
    """Shows progress on a console."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None
        self._text = ""
        self._began = self._said = 0.0

    def step(self, text: str) -> None:
        """The step before is done and this one begins."""
        self.done()
        self._text, self._began = text, time.monotonic()
        self._said = self._began
        if self._console.is_terminal:
            self._status = self._console.status(text)
            self._status.start()

    def detail(self, text: str) -> None:
        """Where the step at hand stands."""
        if self._status is not None:
            self._status.update(f"{self._text}: {text}")
        elif time.monotonic() - self._said >= _LINE_SECONDS:
            self._said = time.monotonic()
            self._console.print(f"  … {self._text}: {text}", markup=False, highlight=False, soft_wrap=True)

    def note(self, text: str) -> None:
        """Something worth reading happened beside the steps."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def done(self) -> None:
        """The step at hand is done."""
        self._close("✓")

    def failed(self) -> None:
        """The step at hand failed; the reason follows in an error."""
        self._close("✗")

    def _close(self, mark: str) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None
        if self._text:
            seconds = time.monotonic() - self._began
            line = f"  {mark} {self._text} ({seconds:.1f} s)"
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)
        self._text = ""


class Sent:
    """Sends progress through a pipe, then whether all went well; notes go to the log as well.

    When nobody reads any more, that is, when the command that waits for us was interrupted, the next word
    raises `BrokenPipeError`, and the start is given up.
    """

    def __init__(self, descriptor: int, log: Callable[[str], None]) -> None:
        self._descriptor = descriptor
        self._log = log

    def step(self, text: str) -> None:
        """The step before is done and this one begins."""
        self._log(text)
        self._send("step", text)

    def detail(self, text: str) -> None:
        """Where the step at hand stands."""
        self._send("detail", text)

    def note(self, text: str) -> None:
        """Something worth reading happened beside the steps."""
        self._log(text)
        self._send("note", text)

    def done(self) -> None:
        """The step at hand is done."""
        self._send("done", "")

    def failed(self) -> None:
        """The step at hand failed; the reason follows in an error."""
        self._send("failed", "")

    def end(self, error: Exception | None = None) -> None:
        """Nothing more will be sent; `error` says why the start failed. Later notes go to the log only."""
        kind = "end" if error is None else "running" if isinstance(error, AlreadyRunning) else "error"
        self._send(kind, str(error or ""))
        self._close()

    def _send(self, kind: str, text: str) -> None:
        if self._descriptor < 0:
            return
        try:
            os.write(self._descriptor, json.dumps([kind, text]).encode() + b"\n")
        except BrokenPipeError:
            self._close()
            raise

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def relay(descriptor: int, progress: Progress, log: Path) -> None:
    """Pass on what `Sent` sends through `descriptor`, until its end.

    Raises:
        AlreadyRunning: another environment was faster.
        PartFailed: with the problem that was sent, or naming `log` when the sender died without a word.
    """
    with os.fdopen(descriptor, encoding="utf-8") as lines:
        for line in lines:
            kind, text = json.loads(line)
            match kind:
                case "end":
                    return
                case "running":
                    raise AlreadyRunning(text)
                case "error":
                    raise PartFailed(text)
                case "done":
                    progress.done()
                case "failed":
                    progress.failed()
                case _:
                    {"step": progress.step, "detail": progress.detail, "note": progress.note}[kind](text)
    raise PartFailed(f"the environment ended while it was starting; its log is {log}")
