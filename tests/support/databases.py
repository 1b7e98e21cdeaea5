"""The Postgres server of a test run, and the databases on it.

Where the server comes from, in this order: `TEST_DATABASE_URL`, a container if a container engine answers, a
child process. Never `DATABASE_URL`, which may be somebody's real one.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from servicegraph.local import ports
from servicegraph.local.postgres import Postgres
from servicegraph.local.process import Process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from servicegraph.settings import LocalSettings

_CONTAINER_ENGINE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A Postgres server that tests may use as they like.

    Attributes:
        url: of a database on it from which databases can be created.
        process: the child process, when it is one.
    """

    url: str = field(repr=False)
    process: Process | None = None

    def url_of(self, database: str) -> str:
        """The url of `database` on this server."""
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{database}"))

    def execute(self, statement: str) -> None:
        """Run one statement outside a transaction."""
        execute(self.url, statement)

    @contextlib.contextmanager
    def database(self, *, template: str = "template1", prefix: str = "test") -> Iterator[str]:
        """A new copy of `template`; its name. It is dropped in the end, whoever is still connected."""
        name = f"{prefix}_{secrets.token_hex(6)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield name
        finally:
            self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def execute(url: str, statement: str) -> None:
    """Run one statement; usable where no event loop runs, and leaves no trace in pytest's own loop."""

    async def run() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(run())


@contextlib.contextmanager
def serve(settings: LocalSettings, folder: Path) -> Iterator[PostgresServer]:
    """A server for the time of the block; `folder` is for a child process's files."""
    if settings.test_database_url:
        yield PostgresServer(settings.test_database_url)
    elif _a_container_engine_answers():
        from testcontainers.community.postgres import PostgresContainer  # noqa: PLC0415 - slow to import, seldom needed

        with PostgresContainer("postgres:18-alpine", driver=None) as container:
            yield PostgresServer(container.get_connection_url())
    else:
        postgres = Postgres(
            folder, folder / "postgres.log", ports.free(), password=secrets.token_hex(8), durable=False
        )
        try:
            postgres.prepare()
            with Process(postgres.command()) as process:
                process.await_ready(postgres.is_ready)
                postgres.create_database()
                yield PostgresServer(postgres.url(), process)
        finally:
            postgres.delete()


def _a_container_engine_answers() -> bool:
    try:
        asked = subprocess.run(
            ("docker", "info"), capture_output=True, check=False, timeout=_CONTAINER_ENGINE_SECONDS
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0
