"""Where Prometheus comes from.

In this order: the program that `SERVICEGRAPH_PROMETHEUS` names, a container engine, the one on the PATH (a distribution's
package), this user's cache, the official archive, a build from its Go module. The build takes minutes, so it is only for who
allows it: tests do, the demo does not.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from servicegraph.errors import PartFailed
from servicegraph.local.build import build
from servicegraph.local.cache import new_folder, one_at_a_time
from servicegraph.local.download import Unusable
from servicegraph.local.prometheus import archive, container, module

if TYPE_CHECKING:
    from pathlib import Path

    from servicegraph.local.progress import Progress
    from servicegraph.settings import LocalSettings

HOW = (
    "Prometheus is missing. Any of these helps: `apt-get install prometheus` (or your system's package), a running container "
    "engine, or SERVICEGRAPH_PROMETHEUS=/path/to/prometheus with a download from https://prometheus.io/download/."
)


@dataclass(frozen=True, slots=True)
class Program:
    """What runs Prometheus.

    Attributes:
        path: of Prometheus itself, or of the container engine that runs it.
        contained: whether it is a container engine.
    """

    path: str
    contained: bool = False

    def launcher(self, folder: Path, name: str) -> tuple[str, ...]:
        """The words before Prometheus' own options; its files lie in `folder`, a container is called `name`."""
        return container.launcher(self.path, folder, name) if self.contained else (self.path,)


def locate(settings: LocalSettings, progress: Progress, *, may_build: bool = False) -> Program:
    """Prometheus, fetched (and if `may_build`, built) when this machine has none.

    Raises:
        PartFailed: it cannot be had; the message says what to do.
    """
    if (named := settings.servicegraph_prometheus) is not None:
        if not named.is_file():
            raise PartFailed(f"SERVICEGRAPH_PROMETHEUS={named} is no file")
        return Program(str(named))
    home = settings.cache / "prometheus"
    if (engine := container.engine()) and container.pull(engine, home / "pull.log", progress):
        return Program(engine, contained=True)
    if found := shutil.which(archive.PROGRAM):
        return Program(found)
    if (path := _cached(home)) is None:
        with one_at_a_time(home, "Prometheus", progress):
            path = _cached(home) or _fetch(settings, home, progress)
            if path is None and may_build:
                path = _build(home, progress)
    if path is None:
        raise PartFailed(HOW)
    return Program(str(path))


def _cached(home: Path) -> Path | None:
    """What an earlier run has put into the cache."""
    for version in (archive.VERSION, module.VERSION):
        if (path := home / version / archive.PROGRAM).is_file():
            return path
    return None


def _fetch(settings: LocalSettings, home: Path, progress: Progress) -> Path | None:
    """The official archive's program, or None when it cannot be had or must not be used."""
    if settings.prometheus_releases_url == "none":
        return None
    progress.step("Looking for the official Prometheus archive")
    with new_folder(home / archive.VERSION) as folder:
        try:
            archive.fetch(settings.prometheus_releases_url, folder, progress)
        except Unusable as reason:
            progress.note(f"The official archive is not used: {reason}")
            return None
    return _cached(home)


def _build(home: Path, progress: Progress) -> Path | None:
    with new_folder(home / module.VERSION) as folder:
        build(module.RECIPE, folder, home / "build.log", home / "go", progress)
    return _cached(home)
