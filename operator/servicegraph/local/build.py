"""Building programs from Go modules.

The slow way to get a program, and the one that works wherever a Go module proxy does. `go build -v` names each package as it
compiles it; that is what the progress is made of. What is built is said by a `Recipe`: `controlplane.recipe`,
`prometheus.module`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from servicegraph import settings
from servicegraph.errors import PartFailed
from servicegraph.local import toolchain
from servicegraph.local.process import Command, Process

if TYPE_CHECKING:
    from pathlib import Path

    from servicegraph.local.progress import Progress

_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to build.

    Attributes:
        title: what people are told.
        modules: folder of `go.mod` and `go.sum`, which is only read; None where the packages name their version themselves.
        programs: package of each program by the program's name, in the order of building.
        flags: further flags of the linker.
        tags: build tags, separated by commas.
        packages: about how many packages are compiled where nothing is cached.
    """

    title: str
    modules: Path | None
    programs: dict[str, str]
    flags: str = ""
    tags: str = ""
    packages: int = 0


def build(recipe: Recipe, folder: Path, log: Path, go_home: Path, progress: Progress) -> None:
    """Build the recipe's programs into `folder`, telling how far it is.

    `log` gets what Go says. Where Go is missing, it is installed below `go_home`.

    Raises:
        PartFailed: Go cannot be had, or the build fails; the last lines of its log are in the message.
    """
    go = toolchain.find(go_home, progress)
    progress.step(recipe.title)
    log.unlink(missing_ok=True)
    began = time.monotonic()
    for name, package in recipe.programs.items():
        if recipe.modules is None:
            argv = (str(go), "install", *_how(recipe), package)
        else:
            argv = (str(go), "build", "-mod=readonly", *_how(recipe), "-o", str(folder / name), package)
        environment = settings.for_child(CGO_ENABLED="0", GOFLAGS="", GOWORK="off", GOBIN=str(folder))
        command = Command("go build", argv, log, environment=environment, folder=recipe.modules or folder)
        with Process(command) as process:
            while process.wait(_LOOK_SECONDS) is None:
                progress.detail(
                    standing(log.read_text(errors="replace"), recipe.packages, time.monotonic() - began)
                )
            if process.ended() != 0:
                raise PartFailed(f"{name} could not be built\n{process.tail()}\nAll that Go said is in {log}")


def _how(recipe: Recipe) -> tuple[str, ...]:
    """Options of both ways to build: no path of this machine in the result, no debugger's tables."""
    tags = (f"-tags={recipe.tags}",) if recipe.tags else ()
    return ("-v", "-trimpath", "-buildvcs=false", *tags, f"-ldflags=-s -w {recipe.flags}".rstrip())


def standing(said: str, packages: int, seconds: float) -> str:
    """How far a build is: `said` is what `go build -v` has said so far, `packages` about how many there are."""
    lines = said.splitlines()
    compiled = sum(not line.startswith(("go: ", "# ")) for line in lines)
    minutes = f"{int(seconds) // 60} min {int(seconds) % 60:02} s"
    if not compiled:
        fetched = sum(line.startswith("go: downloading") for line in lines)
        return f"{fetched} modules fetched, {minutes}"
    return f"{compiled:,} of about {packages:,} packages, {minutes}"
