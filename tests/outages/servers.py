"""A Postgres server that a test may kill, stop, start again and turn read-only."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import asyncpg

from faults.loop import LoopThread
from servicegraph.local import ports
from servicegraph.local.postgres import Postgres
from servicegraph.local.process import Process
from servicegraph.store import migrate
from support import keyed
from support.operators import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_OPTIONS = (
    # Few enough to be taken by a test, and more than one operator needs.
    *("-c", "max_connections=30"),
    # What was committed is with the kernel by then, so it survives a SIGKILL; for that, no disk has to be waited for.
    *("-c", "synchronous_commit=on"),
    *("-c", "full_page_writes=on"),
)


@dataclass
class MortalPostgres:
    """`with MortalPostgres(folder) as server`: runs from the beginning; its data is removed in the end."""

    folder: Path
    process: Process | None = None

    def __enter__(self) -> Self:
        log = self.folder / "postgres.log"
        self._postgres = Postgres(
            self.folder, log, ports.free(), password=secrets.token_hex(8), durable=False
        )
        self._postgres.prepare()
        self.start()
        self._postgres.create_database()
        migrate.upgrade(self.url)
        keyed.admit(self.url)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._postgres.delete()

    @property
    def url(self) -> str:
        """A database of no one's, which is migrated."""
        return self._postgres.url()

    def database(self) -> str:
        """The url of a new, migrated database; it goes with the server."""
        name = f"outage_{secrets.token_hex(4)}"
        template = self.url.rpartition("/")[2]
        self.fetch(f"CREATE DATABASE {name} TEMPLATE {template}", self._postgres.url("postgres"))
        return self._postgres.url(name)

    def set(self, name: str, value: str) -> None:
        """Change a setting for every session, also those that exist, and wait until it holds."""
        # In a session that says otherwise of itself, or a read-only server could not be changed back.
        with LoopThread("setting") as loop:
            connection = loop.call(
                asyncpg.connect(self.url, server_settings={"default_transaction_read_only": "off"})
            )
            loop.call(connection.execute(f"ALTER SYSTEM SET {name} = {value}"))
            loop.call(connection.execute("SELECT pg_reload_conf()"))
            loop.call(connection.close())
        # What a new session starts with has been told to all others.
        eventually(lambda: self.fetch(f"SHOW {name}")[0][0] == value, f"{name} is {value}")

    def fetch(self, query: str, url: str = "") -> list[asyncpg.Record]:
        """The rows of a query to one of its databases."""
        with LoopThread("query") as loop:
            connection = loop.call(asyncpg.connect(url or self.url))
            rows: list[asyncpg.Record] = loop.call(connection.fetch(query))
            loop.call(connection.close())
        return rows

    @contextmanager
    def no_connection_free(self) -> Iterator[None]:
        """Take every connection that is left, and give them back in the end."""
        with LoopThread("connections") as loop:
            taken = []
            try:
                while True:
                    taken.append(loop.call(asyncpg.connect(self.url)))
            except asyncpg.TooManyConnectionsError:
                yield
            finally:
                for connection in taken:
                    loop.call(connection.close())

    def start(self) -> None:
        """Start it (again), and wait until it serves."""
        command = self._postgres.command()
        self.process = Process(replace(command, argv=(*command.argv, *_OPTIONS)))
        self.process.await_ready(self._postgres.is_ready)

    def stop(self) -> None:
        """Stop it as an administrator does: clients are thrown out, everything is written."""
        process, self.process = self.process, None
        if process is not None:
            process.stop()

    def kill(self) -> None:
        """SIGKILL."""
        process, self.process = self.process, None
        assert process is not None
        os.kill(process.pid, 9)
        process.wait()
        process.stop()
