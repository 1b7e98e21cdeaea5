"""Each dependency has its line, and its reason, in the decisions."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
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


def test_the_list_of_decisions_names_every_record() -> None:
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (DECISIONS / "README.md").read_text())
    assert listed == sorted(path.name for path in DECISIONS.glob("[0-9]*.md"))


def test_every_record_has_the_four_parts() -> None:
    for record in DECISIONS.glob("[0-9]*.md"):
        parts = re.findall(r"^## (.+)$", record.read_text(), re.MULTILINE)
        assert parts == ["Status", "Context", "Decision", "Consequences"], record.name
