"""The pages lead somewhere, and what they tell people to copy is well formed."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from support.documents import ROOT, Block, blocks, pages

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_within_the_repository_lead_to_files(page: Path) -> None:
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", prose)
    inside = [target for target in targets if "://" not in target]
    assert [target for target in inside if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_blocks_to_copy_are_well_formed(page: Path) -> None:
    for block in blocks(page.read_text()):
        if block.language == "sh":
            subprocess.run(["sh", "-n"], input=block.text, text=True, check=True)
        if block.language == "yaml":
            assert list(yaml.safe_load_all(block.text))


def test_blocks_are_told_apart_by_their_marks() -> None:
    page = "text\n```sh run\nls\n```\n```sh\nrm\n```\n```yaml a.yaml\na: 1\n```\n```\nplain\n```\n"
    found = blocks(page)
    assert found == [
        Block("sh", "run", "ls\n"),
        Block("sh", "", "rm\n"),
        Block("yaml", "a.yaml", "a: 1\n"),
        Block("", "", "plain\n"),
    ]
    assert [block.runs for block in found] == [True, False, False, False]
    assert [block.file for block in found] == [None, None, "a.yaml", None]
