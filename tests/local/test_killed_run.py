"""A test run that is killed half-way leaves nothing running."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from support.documents import ROOT
from support.processes import await_end, await_that, children_of

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

WAITS = """
import signal
from pathlib import Path

def test_that_waits(postgres_server, control_plane):
    Path({started!r}).touch()
    signal.pause()
"""


def test_a_test_run_that_is_killed_leaves_nothing_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = tmp_path / "started"
    (tmp_path / "test_waits.py").write_text(WAITS.format(started=str(started)))
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests"))
    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)
    options = ["-p", "conftest", "-c", str(ROOT / "pyproject.toml"), f"--basetemp={tmp_path / 'base'}"]
    run = subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, str(tmp_path / "test_waits.py")],
        stdout=subprocess.DEVNULL,
        cwd=ROOT,
    )
    await_that(lambda: started.exists() or run.poll() is not None, "the inner run has its servers")
    children = children_of(run.pid)
    assert children
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    for child in children:
        await_end(child)
    pointer = tmp_path / "base/postgres0/place"
    if pointer.exists():
        shutil.rmtree(pointer.read_text())
