"""Versions of a graph for tests of alerts: plain edges between lettered services in, alerts and transitions out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from servicegraph.graph.alerts import Alerts, Diff, Moment, News, diff
from servicegraph.graph.columns import Node
from servicegraph.graph.components import Circles, find_circles
from servicegraph.model.ids import ServiceKey
from support import graphs
from support.reference import Fact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servicegraph.model.alert import Acknowledgement, Alert
    from support.circles import Tie

LETTERS = "abcdefghij"
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
NODES = tuple(Node(ServiceKey("", "shop", letter, "Service"), stated=True) for letter in LETTERS)


def circles(edges: Mapping[tuple[int, int], Tie], nodes: tuple[Node, ...] = NODES) -> Circles:
    """The circles of a graph of which every edge is alertable; `nodes` itself is handed on, as a writer does."""
    facts = [
        Fact(a, b, mode=tie.mode, requirement=tie.requirement, accepted=tie.accepted)
        for (a, b), tie in edges.items()
    ]
    return find_circles(replace(graphs.snapshot(facts, nodes), nodes=nodes))


def wired(text: str) -> dict[tuple[int, int], Tie]:
    """Edges written as words: in each word every letter calls the next and the last the first."""
    from support.circles import Tie  # noqa: PLC0415 - named only here

    return {
        (LETTERS.index(one), LETTERS.index(other)): Tie()
        for word in text.split()
        for one, other in zip(word, word[1:] + word[0], strict=True)
    }


@dataclass
class Story:
    """Goes from version to version, an hour each."""

    alerts: Alerts = field(default_factory=lambda: Alerts.of([]))
    version: int = 0
    last: Diff | None = None

    @property
    def now(self) -> datetime:
        """The time of the last version."""
        return BEGINNING + timedelta(hours=self.version)

    def goes_on(
        self,
        text: str | Mapping[tuple[int, int], Tie],
        said: Mapping[str, Acknowledgement | None] | None = None,
        over: tuple[str, ...] = (),
    ) -> list[tuple[str, str, str]]:
        """Make the next version; returns what is told, as (alert, kind, reason)."""
        self.version += 1
        found = circles(wired(text) if isinstance(text, str) else text)
        self.last = diff(self.alerts, found, Moment(self.version, self.now), News(said or {}, over))
        self.alerts = self.last.alerts
        return [(one.alert, one.kind.value, one.reason.value) for one in self.last.transitions]

    def messages(self) -> list[str]:
        """The sentences of the last version."""
        return [one.message for one in self.last.transitions] if self.last else []

    def alert(self, name: str) -> Alert:
        """The alert of this name."""
        return self.alerts.by_name[name]

    def name_of(self, letters: str) -> str:
        """The alert that has exactly these members now."""
        return next(name for name, alert in self.alerts.by_name.items() if names(alert.members) == letters)


def names(members: tuple[ServiceKey, ...]) -> str:
    """The members as letters."""
    return "".join(key.name for key in members)
