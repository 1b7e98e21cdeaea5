"""What the pages tell people to type works, typed into a shell beside a local environment."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from servicegraph import settings
from support.documents import ROOT, blocks, pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from servicegraph.local.prometheus.programs import Program

TOPOLOGY = yaml.safe_load((ROOT / "tests/topologies/online-boutique.yaml").read_text())
KEPT = ("HOME", "KUBEBUILDER_ASSETS", "PYTHONPATH", "SERVICEGRAPH_PROMETHEUS", "XDG_CACHE_HOME")
TYPED = [page for page in pages() if any(block.runs for block in blocks(page.read_text()))]


def type_in(folder: Path, text: str) -> str:
    """Run `text` as somebody in `folder` would type it, stopping at the first failure; give back what it prints.

    The environment is that of a shell that knows the commands and nothing else, so that a page cannot lean on
    what this machine happens to have set.
    """
    ours = settings.for_child()
    kept = {name: ours[name] for name in KEPT if name in ours}
    known = kept | {"PATH": f"{Path(sys.executable).parent}:{ours['PATH']}"}
    ran = subprocess.run(
        ["sh", "-eu"], cwd=folder, env=known, input=text, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, f"{text}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory, prometheus_program: Program) -> Iterator[Path]:
    """A folder that looks like the root of the repository, with an environment running in it."""
    folder = tmp_path_factory.mktemp("shell")
    for name in ("examples", "scripts"):
        (folder / name).symlink_to(ROOT / name)
    try:
        type_in(folder, "servicegraph local up --detach --example 01-online-boutique")
        yield folder
    finally:
        type_in(folder, "servicegraph local down")


@pytest.fixture(scope="module")
def typed(shell: Path) -> Callable[[Path], str]:
    """Saves what a page says to save, types what it says to type; once, as a reader would, however many tests look at it."""

    @cache
    def type_page(page: Path) -> str:
        found = blocks(page.read_text())
        for block in found:
            if block.file is not None:
                (shell / block.file).write_text(block.text)
        commands = "".join(block.text for block in found if block.runs)
        return type_in(shell, f'eval "$(servicegraph local env)"\n{commands}')

    return type_page


@pytest.mark.parametrize("page", TYPED, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_can_be_typed_as_it_stands(typed: Callable[[Path], str], page: Path) -> None:
    assert typed(page)


def test_the_readme_shows_the_graph_that_the_boutique_declares(typed: Callable[[Path], str]) -> None:
    said = typed(ROOT / "README.md")
    answer, _ = json.JSONDecoder().raw_decode(said, said.index('{"root"'))
    edges = {(edge["source"], edge["target"]) for edge in answer["edges"]}

    def printed(name: str) -> str:
        kind = TOPOLOGY["services"][name]
        place = "-" if kind == "External" else "online-boutique"
        return f"{place}/{name}" + ("" if kind == "Service" else f":{kind.lower()}")

    declared = TOPOLOGY["edges"].items()
    below_frontend = {
        (printed(source), printed(target))
        for source, targets in declared
        for target in targets
        if source != "loadgenerator"
    }
    assert edges == below_frontend


def test_the_first_manifest_of_the_readme_is_drawn_with_its_three_targets(
    typed: Callable[[Path], str],
) -> None:
    said = typed(ROOT / "README.md")
    drawn = said[said.rindex("flowchart") :]
    assert all(name in drawn for name in ("checkout", "payment", "orders", "stripe"))
