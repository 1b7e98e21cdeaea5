"""Rules about the tree of files that no linter knows."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ["operator", "api", "tests", "migrations", "benchmarks", "scripts"]
LONGEST = 400


def python_files(*folders: str) -> list[Path]:
    return sorted(found for folder in folders for found in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("folder", ["operator", "api"])
def test_a_source_root_is_no_package_or_it_would_hide_a_module_of_the_standard_library(folder: str) -> None:
    assert (ROOT / folder).is_dir()
    assert not (ROOT / folder / "__init__.py").exists()


def test_no_folder_of_tests_is_a_package() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_no_file_is_longer_than_a_reader_has_patience() -> None:
    files = python_files(*SOURCES)
    assert files
    long = {
        str(path.relative_to(ROOT)): lines
        for path in files
        if (lines := len(path.read_text().splitlines())) > LONGEST
    }
    assert long == {}


def reads_the_environment(path: Path) -> bool:
    tree = ast.parse(path.read_text())
    attributes = {
        (node.value.id, node.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    imported = {
        (node.module or "", name.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    return bool((attributes | imported) & {("os", "environ"), ("os", "getenv"), ("os", "environb")})


def test_only_the_settings_read_the_environment() -> None:
    readers = [
        str(path.relative_to(ROOT)) for path in python_files("operator", "api") if reads_the_environment(path)
    ]
    assert readers == ["operator/servicegraph/settings.py"]


def test_every_module_of_the_product_says_why_it_exists() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in python_files("operator", "api")
        if ast.get_docstring(ast.parse(path.read_text())) is None
    ]
    assert silent == []
