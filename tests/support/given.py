"""The given topologies, and what of them a collector can show: worked out from the files alone, apart from the generator.

`plain` are calls between two that send spans. Everything else is seen from one end, or as two ends of a queue that never shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Collection

FOLDER = Path(__file__).parents[1] / "traffic"
_SEND_SPANS = {"client", "gateway", "service"}


@dataclass(frozen=True)
class Given:
    """A topology: what a file says, or a part of it."""

    said: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.said["name"])

    def only(self, edges: Collection[tuple[str, str]]) -> Given:
        """The same services, of whose calls these alone are made."""
        return Given(
            self.said | {"edges": [one for one in self.said["edges"] if (one["from"], one["to"]) in edges]}
        )

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
        return [set(one) for one in self.said["cycles"]]

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


ALL = [Given(yaml.safe_load(path.read_text())) for path in sorted(FOLDER.glob("*.yaml"))]
