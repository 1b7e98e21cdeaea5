"""Each dependency has its line, and its reason, in the decisions."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SOURCES = {"servicegraph": ROOT / "operator/servicegraph", "servicegraph_api": ROOT / "api/servicegraph_api"}
IMPORTED_AS = {"pyyaml": "yaml"}
RECORD = ROOT / "docs/decisions/0007-dependencies.md"
DECISIONS = ROOT / "docs/decisions"


def wanted() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = [
        project["project"]["dependencies"],
        *project["project"]["optional-dependencies"].values(),
        *project["dependency-groups"].values(),
    ]
    names = {re.split(r"[\[<>=~; ]", line, maxsplit=1)[0] for group in groups for line in group}
    return {name.lower().replace("_", "-") for name in names}


def explained() -> set[str]:
    rows = re.findall(r"^\| ([a-z][a-z0-9-]*(?:, [a-z][a-z0-9-]*)*) \|", RECORD.read_text(), re.MULTILINE)
    return {name for row in rows for name in row.split(", ")}


def test_every_dependency_is_explained_and_nothing_else_is() -> None:
    assert explained() == wanted()


def runs(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes below `tree`, except what only a type checker reads."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield node
            yield from runs(node)


def imports(path: Path) -> set[str]:
    """The libraries, and packages of ours, that a file imports when it runs."""
    nodes = list(runs(ast.parse(path.read_text())))
    names = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return {name.split(".")[0] for name in names}


def importers(library: str) -> set[str]:
    """The packages and modules of ours that import `library`, as the record names them."""
    found = set()
    for package, folder in SOURCES.items():
        for path in folder.rglob("*.py"):
            if library in imports(path):
                inside = path.relative_to(folder).with_suffix("").parts[0]
                found.add(inside if package == "servicegraph" else package)
    return found


def test_the_record_says_who_knows_each_library_that_runs() -> None:
    rows = re.findall(r"^\| ([a-z-]+) \|[^|]*\| ([^|]*) \|$", RECORD.read_text(), re.MULTILINE)
    assert rows
    for library, known_by in rows:
        said = {name for name in re.findall(r"`([\w/]+)`", known_by) if not name.endswith("/")}
        known = importers(IMPORTED_AS.get(library, library.replace("-", "_")))
        assert said == known, f"{RECORD.name}: {library} is imported by {', '.join(sorted(known))}"


def test_the_list_of_decisions_names_every_record() -> None:
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (DECISIONS / "README.md").read_text())
    assert listed == sorted(path.name for path in DECISIONS.glob("[0-9]*.md"))


def test_every_record_has_the_four_parts() -> None:
    for record in DECISIONS.glob("[0-9]*.md"):
        parts = re.findall(r"^## (.+)$", record.read_text(), re.MULTILINE)
        assert parts == ["Status", "Context", "Decision", "Consequences"], record.name
