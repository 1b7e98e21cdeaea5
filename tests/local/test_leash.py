"""No program outlives whoever started it, and none is lost sight of."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from servicegraph.errors import PartFailed
from servicegraph.local.process import Command, Process
from support.processes import await_end, await_that, children_of, open_files, parent_of, runs

if TYPE_CHECKING:
    from pathlib import Path

FOR_EVER = "import signal; print('here', flush=True); signal.pause()"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {FOR_EVER}"
WITH_CHILD = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {FOR_EVER!r}]); {FOR_EVER}"
STARTS_ONE = """
import signal, sys
from pathlib import Path
from servicegraph.local.process import Command, Process
process = Process(Command("program", (sys.executable, "-c", sys.argv[2]), Path(sys.argv[1]), user=sys.argv[3]))
print(process.pid, flush=True)
signal.pause()
"""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start programs as somebody else")


def program(tmp_path: Path, code: str, grace: float = 5, user: str = "") -> Command:
    return Command("program", (sys.executable, "-c", code), tmp_path / "program.log", grace=grace, user=user)


def said_here(command: Command) -> bool:
    return "here" in command.log.read_text()


@pytest.mark.parametrize("user", ["", pytest.param("nobody", marks=as_root)])
def test_a_program_ends_when_its_parent_is_killed(tmp_path: Path, user: str) -> None:
    argv = ("/bin/sh", "-c", "echo here; exec sleep infinity") if user else None
    code = (
        STARTS_ONE if argv is None else STARTS_ONE.replace('(sys.executable, "-c", sys.argv[2])', repr(argv))
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "program.log"), FOR_EVER, user],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    await_that(lambda: "here" in (tmp_path / "program.log").read_text(), "the program runs")
    parent.kill()
    parent.communicate()
    await_end(pid)


def test_a_program_ends_when_its_leash_is_killed(tmp_path: Path) -> None:
    process = Process(program(tmp_path, DEAF))
    await_that(lambda: said_here(process.command), "the program runs")
    os.kill(parent_of(process.pid), signal.SIGKILL)
    await_end(process.pid)
    process.stop()


def test_a_program_that_does_not_listen_is_killed_after_its_grace(tmp_path: Path) -> None:
    with Process(program(tmp_path, DEAF, grace=0.1)) as process:
        await_that(lambda: said_here(process.command), "the program runs")
        assert process.stop() == 128 + signal.SIGKILL


def test_what_a_program_started_ends_with_it(tmp_path: Path) -> None:
    process = Process(program(tmp_path, WITH_CHILD))
    await_that(lambda: process.command.log.read_text().count("here") == 2, "both run")
    (child,) = children_of(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    await_end(child)
    process.stop()


def test_a_program_that_ends_early_is_reported_with_its_last_words(tmp_path: Path) -> None:
    with (
        Process(program(tmp_path, "import sys; sys.exit('no disk left')")) as process,
        pytest.raises(
            PartFailed, match=r"program \(process \d+\) ended with exit code 1; its log is .*\n.*no disk left"
        ),
    ):
        process.await_ready(lambda: False)


def test_a_program_that_is_killed_is_reported_with_the_signal(tmp_path: Path) -> None:
    with Process(program(tmp_path, FOR_EVER)) as process:
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(PartFailed, match="was killed by SIGKILL"):
            process.await_ready(lambda: False)


def test_a_program_that_does_not_exist_is_reported_by_name(tmp_path: Path) -> None:
    with (
        Process(Command("postgres", ("/nonexistent/postgres",), tmp_path / "log")) as process,
        pytest.raises(PartFailed, match=r"cannot run /nonexistent/postgres: .*No such file"),
    ):
        process.await_ready(lambda: False)


def test_a_program_that_is_never_ready_is_reported_after_its_time(tmp_path: Path) -> None:
    with Process(program(tmp_path, FOR_EVER)) as process:
        with pytest.raises(PartFailed, match="is not ready after 0 s"):
            process.await_ready(lambda: False, seconds=0)
        assert runs(process.pid)


def test_a_program_holds_nothing_of_ours_but_what_it_is_given(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as lock, (tmp_path / "other").open("w") as other:
        os.set_inheritable(other.fileno(), True)
        command = program(tmp_path, FOR_EVER)
        with Process(Command(command.name, command.argv, command.log, inherits=(lock.fileno(),))) as process:
            await_that(lambda: said_here(command), "the program runs")
            assert open_files(process.pid) == {"/dev/null", str(command.log), str(tmp_path / "lock")}


@as_root
def test_another_user_has_nothing_of_roots_rights(tmp_path: Path) -> None:
    shows = ("/bin/sh", "-c", "id -un; id -Gn; grep CapEff /proc/self/status")
    with Process(Command("id", shows, tmp_path / "log", user="nobody")) as process:
        process.wait()
        user, groups, capabilities = process.tail().splitlines()
    assert (user, groups, int(capabilities.split()[1], 16)) == ("nobody", "nogroup", 0)
