"""The given topologies, and what of them a collector can show: worked out from the files alone, apart from the generator.

`plain` are calls between two that send spans. Everything else is seen from one end, or as two ends of a queue that never shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[1] / "traffic"
_SEND_SPANS = {"client", "gateway", "service"}


@dataclass(frozen=True)
class Given:
    """A topology file."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    @cached_property
    def said(self) -> dict[str, Any]:
        told: dict[str, Any] = yaml.safe_load(self.path.read_text())
        return told

    @cached_property
    def kinds(self) -> dict[str, str]:
        """What each service is, in the file's words."""
        return {one["name"]: one["kind"] for one in self.said["services"]}

    @cached_property
    def edges(self) -> list[tuple[str, str]]:
        return [(one["from"], one["to"]) for one in self.said["edges"]]

    @cached_property
    def circles(self) -> list[set[str]]:
        """The members of each circle, as the file says."""
        return [set(one["services"] if isinstance(one, dict) else one) for one in self.said["cycles"]]

    def to(self, *kinds: str) -> set[tuple[str, str]]:
        """The calls to services of these kinds."""
        return {edge for edge in self.edges if self.kinds[edge[1]] in kinds}

    @cached_property
    def plain(self) -> set[tuple[str, str]]:
        return self.to(*_SEND_SPANS)

    @cached_property
    def relayed(self) -> set[tuple[str, str]]:
        """Who puts into a queue, with the first who takes out."""
        found = set()
        for queue in (name for name, kind in self.kinds.items() if kind == "queue"):
            users = [one for one in self.said["edges"] if one["to"] == queue]
            takers = [one["from"] for one in users if "consumer" in one.get("note", "")]
            found |= {(one["from"], takers[0]) for one in users if one["from"] not in takers}
        return found


ALL = [Given(path) for path in sorted(FOLDER.glob("*.yaml"))]
