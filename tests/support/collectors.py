"""A real OpenTelemetry Collector with the service-graph connector, built from its Go modules; for the long tests.

It takes spans over OTLP/HTTP and shows the connector's series at `/metrics`, as the collectors do that people run. It is built
once for each user and version.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from servicegraph import settings
from servicegraph.local import ports
from servicegraph.local.build import Recipe, build
from servicegraph.local.cache import new_folder, one_at_a_time
from servicegraph.local.probe import answers
from servicegraph.local.process import Command, Process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servicegraph.local.progress import Progress
    from servicegraph.settings import LocalSettings

VERSION = "v0.158.0"
_FOLDER = Path(__file__).with_name("collector")
_PROGRAM = "otelcol-servicegraph"
_RECIPE = Recipe(
    title="Building an OpenTelemetry Collector (first time only, about 6 minutes on 2 cores)",
    modules=_FOLDER,
    programs={_PROGRAM: "servicegraph.test/otelcol"},
    packages=720,
)


@dataclass(frozen=True, slots=True)
class Collector:
    """A running collector.

    Attributes:
        otlp: where spans are posted to.
        port: of 127.0.0.1, where `/metrics` is.
        process: the child process.
    """

    otlp: str
    port: int
    process: Process


def locate(local: LocalSettings, progress: Progress) -> Path:
    """The program, built when this user has none of this version.

    Raises:
        PartFailed: it cannot be built.
    """
    home = local.cache / "collector"
    program = home / VERSION / _PROGRAM
    if not program.is_file():
        with one_at_a_time(home, "the collector", progress):
            if not program.is_file():
                with new_folder(program.parent) as folder:
                    build(_RECIPE, folder, home / "build.log", home / "go", progress)
    return program


@contextlib.contextmanager
def serve(program: Path, folder: Path) -> Iterator[Collector]:
    """A collector for the time of the block; its log goes into `folder`."""
    otlp, export, itself = ports.free_set(3)
    command = Command(
        "the collector",
        (str(program), "--config", f"file:{_FOLDER / 'collector.yaml'}"),
        folder / "collector.log",
        environment=settings.for_child(SG_OTLP=str(otlp), SG_EXPORT=str(export), SG_SELF=str(itself)),
    )
    with Process(command) as process:
        process.await_ready(lambda: answers(f"http://127.0.0.1:{export}/metrics"))
        yield Collector(f"http://127.0.0.1:{otlp}/v1/traces", export, process)
