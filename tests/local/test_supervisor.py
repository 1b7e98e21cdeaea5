"""That a part that died is started again, and how soon."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicegraph.local import signals
from servicegraph.local.process import Command
from servicegraph.local.supervisor import Part, Supervisor, delay

if TYPE_CHECKING:
    from pathlib import Path


class Enough(Exception):
    """The test has seen what it waited for; ends the watch as the exception of a signal handler does."""


@dataclass
class Repairing:
    """Makes the folder anew once the supervisor says that it cannot start a program there, and ends the watch when it can."""

    folder: Path
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.notes.append(text)
        if "cannot be started" in text:
            self.folder.mkdir()
        if "runs again" in text:
            raise Enough

    def step(self, text: str) -> None: ...

    def detail(self, text: str) -> None: ...

    def done(self) -> None: ...

    def failed(self) -> None: ...


def test_the_first_death_is_answered_at_once() -> None:
    assert delay(1) == 0


@given(st.integers(1, 10_000))
def test_each_further_death_is_answered_later_but_never_later_than_half_a_minute(deaths: int) -> None:
    assert delay(deaths) <= delay(deaths + 1) <= 30


def test_a_part_that_cannot_run_is_left_alone_for_half_a_minute() -> None:
    assert delay(10) == 30


def test_a_part_that_cannot_be_started_again_is_tried_until_it_can(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    progress = Repairing(folder)
    supervisor = Supervisor(progress)
    command = Command("program", ("sleep", "infinity"), tmp_path / "log", folder=folder)
    try:
        process = supervisor.start(Part(command, is_ready=lambda: True))
        folder.rmdir()
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(Enough), signals.called(signal.SIGUSR1) as bell:
            supervisor.watch(bell, lambda: None)
    finally:
        supervisor.stop()
    died, failed, runs = progress.notes
    assert "was killed by SIGKILL" in died
    assert failed.startswith("program cannot be started: ")
    assert runs.startswith("program runs again as process ")


def test_a_bell_is_answered_while_the_parts_run(tmp_path: Path) -> None:
    supervisor = Supervisor(Repairing(tmp_path))
    command = Command("program", ("sleep", "infinity"), tmp_path / "log")

    def answer() -> None:
        raise Enough

    try:
        process = supervisor.start(Part(command, is_ready=lambda: True))
        with signals.called(signal.SIGUSR1) as bell:
            signals.send(os.getpid(), signal.SIGUSR1)
            with pytest.raises(Enough):
                supervisor.watch(bell, answer)
        assert process.ended() is None
    finally:
        supervisor.stop()


def test_a_part_that_is_given_up_ends_and_the_others_stay(tmp_path: Path) -> None:
    supervisor = Supervisor(Repairing(tmp_path))
    parts = [
        Part(Command(name, ("sleep", "infinity"), tmp_path / "log"), is_ready=lambda: True)
        for name in ("one", "two")
    ]
    try:
        first, second = (supervisor.start(part) for part in parts)
        supervisor.give_up(parts[0])
        assert first.ended() is not None
        assert second.ended() is None
    finally:
        supervisor.stop()
