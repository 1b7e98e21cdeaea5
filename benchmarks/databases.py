"""A Postgres of our own, with durable settings, and databases on it that are made and thrown away in moments."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg

from servicegraph.local import ports
from servicegraph.local.postgres import Postgres
from servicegraph.local.process import Process
from servicegraph.store import migrate
from servicegraph.store.engine import open_engine

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")


class Server:
    """A running server and the loop in which it is talked to."""

    def __init__(self, postgres: Postgres, runner: asyncio.Runner) -> None:
        self._postgres = postgres
        self._runner = runner

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end."""
        # `Runner.run` would print the result, a whole graph, into an error that it swallows.
        return self._runner.get_loop().run_until_complete(work)

    def execute(self, statement: str) -> None:
        """Run one statement outside of transactions."""

        async def work() -> None:
            connection = await asyncpg.connect(self._postgres.url())
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        self.run(work())

    def database(self) -> Database:
        """A new database with our schema."""
        made = Database(self, "migrated")
        self.execute(f"CREATE DATABASE {made.name}")
        migrate.upgrade(self._postgres.url(made.name))
        return made

    def url(self, name: str) -> str:
        """Where the database of this name is."""
        return self._postgres.url(name)


class Database:
    """One database and a pool with one open connection to it."""

    def __init__(self, server: Server, prefix: str) -> None:
        self._server = server
        self.name = f"{prefix}_{secrets.token_hex(4)}"
        self._engine: AsyncEngine | None = None

    @property
    def engine(self) -> AsyncEngine:
        """The pool."""
        if self._engine is None:
            self._engine = open_engine(self._server.url(self.name), pool_size=1)
        return self._engine

    def connect(self) -> None:
        """Open a connection, so that whoever comes next need not."""
        self._server.run(_connected(self.engine))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end."""
        return self._server.run(work)

    def leave(self) -> None:
        """Close all connections: only what nobody uses can be copied."""
        engine, self._engine = self._engine, None
        if engine is not None:
            self._server.run(engine.dispose())

    def copy(self) -> Database:
        """The same database again, by copying its files."""
        self.leave()
        made = Database(self._server, "copy")
        self._server.execute(f"CREATE DATABASE {made.name} TEMPLATE {self.name} STRATEGY file_copy")
        return made

    def drop(self) -> None:
        """Throw it away."""
        self.leave()
        self._server.execute(f"DROP DATABASE {self.name} WITH (FORCE)")


async def _connected(engine: AsyncEngine) -> None:
    async with engine.connect():
        pass


@contextlib.contextmanager
def serve() -> Iterator[Server]:
    """A server for the time of the block."""
    with tempfile.TemporaryDirectory() as made, asyncio.Runner() as runner:
        folder = Path(made)
        postgres = Postgres(
            folder / "postgres", folder / "postgres.log", ports.free(), password=secrets.token_hex(8)
        )
        try:
            postgres.prepare()
            with Process(postgres.command()) as process:
                process.await_ready(postgres.is_ready)
                postgres.create_database()
                yield Server(postgres, runner)
        finally:
            postgres.delete()
