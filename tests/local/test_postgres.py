"""Postgres as a child process: where its data lies, and what happens to data that nobody wants any more."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import asyncpg
import pytest

from servicegraph.local import ports
from servicegraph.local.postgres import Postgres
from servicegraph.local.process import Process
from support import databases

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only under root does its data lie elsewhere")


def postgres(folder: Path) -> Postgres:
    return Postgres(folder, folder / "log", ports.free(), password="secret", durable=False)


def test_it_starts_again_at_once_after_it_was_killed(tmp_path: Path) -> None:
    server = postgres(tmp_path)
    server.prepare()
    for _ in range(3):
        with Process(server.command()) as process:
            process.await_ready(server.is_ready)
            server.create_database("kept")
            os.kill(process.pid, 9)
            process.wait()
    server.delete()


def test_a_wrong_password_is_refused(tmp_path: Path) -> None:
    server = postgres(tmp_path)
    server.prepare()
    with Process(server.command()) as process:
        process.await_ready(server.is_ready)
        right = server.url("postgres")
        databases.execute(right, "SELECT 1")
        with pytest.raises(asyncpg.PostgresError, match="password authentication failed"):
            databases.execute(right.replace(":secret@", ":guess@"), "SELECT 1")
    server.delete()


@as_root
def test_under_root_its_home_goes_with_it(tmp_path: Path) -> None:
    server = postgres(tmp_path / "server")
    server.prepare()
    home = Path((tmp_path / "server/place").read_text())
    assert home.is_dir()
    server.delete()
    assert not home.exists()


@as_root
def test_under_root_a_home_that_nothing_points_at_is_removed_by_the_next_one(tmp_path: Path) -> None:
    homes = []
    for name in ("deleted", "kept", "next"):
        server = postgres(tmp_path / name)
        server.prepare()
        homes.append(Path((tmp_path / name / "place").read_text()))
        os.utime(homes[-1] / "owner", (0, 0))  # made long ago
        if name == "deleted":
            shutil.rmtree(tmp_path / name)
    deleted, kept, newest = homes
    assert [home.exists() for home in (deleted, kept, newest)] == [False, True, True]
    for name in ("kept", "next"):
        postgres(tmp_path / name).delete()
