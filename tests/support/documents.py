"""Reads the fenced blocks of our Markdown pages, so that tests can run what the pages tell people to type."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(
    r"^```(?P<language>\w*)[ ]*(?P<mark>[^\n`]*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, the words after it, its text."""

    language: str
    mark: str
    text: str

    @property
    def runs(self) -> bool:
        """Whether people are told to type it and a test can: `sh run`."""
        return self.language == "sh" and self.mark == "run"

    @property
    def file(self) -> str | None:
        """The name under which people are told to save it: `yaml checkout.yaml`."""
        return self.mark if self.language == "yaml" and self.mark else None


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    return [Block(found["language"], found["mark"].strip(), found["text"]) for found in _FENCE.finditer(page)]


def pages() -> list[Path]:
    """Every page of Markdown in the repository that people read."""
    folders = [ROOT / "docs", ROOT / "examples"]
    return sorted([*ROOT.glob("*.md"), *(page for folder in folders for page in folder.rglob("*.md"))])
