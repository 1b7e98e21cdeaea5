"""Building etcd and kube-apiserver from the Go modules pinned in `go.mod` and `go.sum` beside this file.

The slow way, and the one that works wherever a Go module proxy does. `go build -v` names each package as it
compiles it; that is what the progress is made of.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from servicegraph import settings
from servicegraph.errors import PartFailed
from servicegraph.local.controlplane import toolchain
from servicegraph.local.process import Command, Process

if TYPE_CHECKING:
    from servicegraph.local.progress import Progress

ETCD = "v3.7.0"
KUBERNETES = "v1.37.2"
_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to build.

    Attributes:
        title: what people are told.
        modules: folder of `go.mod` and `go.sum`; it is only read.
        programs: package of each program by the program's name, in the order of building.
        flags: further flags of the linker.
        packages: about how many packages are compiled where nothing is cached.
    """

    title: str
    modules: Path
    programs: dict[str, str]
    flags: str = ""
    packages: int = 0


_VERSION = "k8s.io/component-base/version"
CONTROL_PLANE = Recipe(
    title="Building etcd and kube-apiserver (first time only, about 8 minutes on 2 cores)",
    modules=Path(__file__).parent,
    programs={"etcd": "go.etcd.io/etcd/server/v3", "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver"},
    flags=f"-X {_VERSION}.gitVersion={KUBERNETES} -X {_VERSION}.gitMajor=1 -X {_VERSION}.gitMinor=37",
    packages=2080,
)


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
        argv = (
            str(go), "build", "-v", "-mod=readonly", "-trimpath", "-buildvcs=false",
            f"-ldflags=-s -w {recipe.flags}".rstrip(), "-o", str(folder / name), package,
        )  # fmt: skip
        environment = settings.for_child(CGO_ENABLED="0", GOFLAGS="", GOWORK="off")
        command = Command("go build", argv, log, environment=environment, folder=recipe.modules)
        with Process(command) as process:
            while process.wait(_LOOK_SECONDS) is None:
                progress.detail(
                    standing(log.read_text(errors="replace"), recipe.packages, time.monotonic() - began)
                )
            if process.ended() != 0:
                raise PartFailed(f"{name} could not be built\n{process.tail()}\nAll that Go said is in {log}")


def standing(said: str, packages: int, seconds: float) -> str:
    """How far a build is: `said` is what `go build -v` has said so far, `packages` about how many there are."""
    lines = said.splitlines()
    compiled = sum(not line.startswith(("go: ", "# ")) for line in lines)
    minutes = f"{int(seconds) // 60} min {int(seconds) % 60:02} s"
    if not compiled:
        fetched = sum(line.startswith("go: downloading") for line in lines)
        return f"{fetched} modules fetched, {minutes}"
    return f"{compiled:,} of about {packages:,} packages, {minutes}"
