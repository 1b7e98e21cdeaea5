"""The architecture page, the lint contracts and the code say the same."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/architecture.md"
CORE = ROOT / "operator/servicegraph"
FOR_THE_API = {"graph", "model", "checks", "settings", "metrics", "errors", "log", "clock", "bundle"}


def contracts() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"][
        "importlinter"
    ]["contracts"]
    return found


def contract(called: str) -> dict[str, Any]:
    return next(one for one in contracts() if one["id"] == called)


def modules_of_the_core() -> set[str]:
    packages = {found.parent.name for found in CORE.glob("*/__init__.py")}
    return packages | {found.stem for found in CORE.glob("*.py")} - {"__init__"}


def test_the_page_shows_the_layers_of_the_contract() -> None:
    block = re.search(r"```layers\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert block is not None
    shown = [re.split(r"\s{2,}", line, maxsplit=1)[0] for line in block[1].splitlines()]
    assert shown == contract("layers")["layers"]


@pytest.mark.parametrize("name", [one["name"] for one in contracts() if one["id"] != "layers"])
def test_the_page_names_each_further_contract(name: str) -> None:
    assert f"- **{name}**" in PAGE.read_text()


def test_the_code_keeps_every_contract() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_what_is_not_for_the_http_server_is_forbidden_to_it() -> None:
    forbidden = {name.removeprefix("servicegraph.") for name in contract("api-reads")["forbidden_modules"]}
    assert modules_of_the_core() - FOR_THE_API - {"__main__"} <= forbidden
    assert not FOR_THE_API & forbidden


@pytest.mark.parametrize("page", [PAGE, ROOT / "CONTRIBUTING.md"], ids=lambda path: path.name)
def test_files_that_a_page_names_exist(page: Path) -> None:
    paths = re.findall(r"`([\w-]+(?:/[\w.-]+)*(?:/|\.(?:py|md|sh|txt)))`", page.read_text())
    assert paths
    assert [path for path in paths if not (ROOT / path).exists() and not (CORE / path).exists()] == []
