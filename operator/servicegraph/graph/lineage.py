"""Which alert goes on with which component, when components grow, shrink, merge and split.

An alert and a component are related by the members they share. The largest overlap decides first, then the next among those
that are still free, and so on; of equal overlaps the one with the smallest id among the shared members. So a component that
merges two alerts goes on under the one it shares most with, and of the pieces of a split the largest keeps the alert. The
outcome does not depend on any order of the inputs. `graph.alerts` calls this.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servicegraph.model.ids import ServiceKey

    Members = tuple[ServiceKey, ...]


@dataclass(frozen=True, slots=True)
class Lineage:
    """Who goes on as what. Components are numbers, alerts are names."""

    alert: dict[int, str]
    """By component: the alert that goes on with it; no entry where none does."""
    parents: dict[int, tuple[str, ...]]
    """By component: all alerts that it shares members with, the largest overlap first."""
    children: dict[str, tuple[int, ...]]
    """By alert: all components that it shares members with, the largest overlap first."""

    def merged_into(self, name: str) -> str | None:
        """The alert that most of the members belong to now of an alert that does not go on."""
        return next((self.alert[number] for number in self.children.get(name, ())), None)

    def split_from(self, number: int) -> str | None:
        """The alert that most members of a component come from with which no alert goes on."""
        return next(iter(self.parents.get(number, ())), None)


def trace(alerts: Mapping[str, Members], components: Mapping[int, Members]) -> Lineage:
    """Find out which alert goes on with which component.

    Args:
        alerts: the members of each alert that was open or acknowledged, sorted; no member is in two of them.
        components: the members of each component, sorted; no member is in two of them.
    """
    lineage = Lineage(_unchanged(alerts, components), {}, {})
    going_on = set(lineage.alert.values())
    owner = {key: name for name, members in alerts.items() if name not in going_on for key in members}
    shared: defaultdict[tuple[str, int], list[ServiceKey]] = defaultdict(list)
    for number, members in components.items():
        if number not in lineage.alert:
            for key in members:
                if key in owner:
                    shared[owner[key], number].append(key)
    for name, number in _closest_first(shared):
        lineage.parents[number] = (*lineage.parents.get(number, ()), name)
        lineage.children[name] = (*lineage.children.get(name, ()), number)
        if number not in lineage.alert and name not in going_on:
            lineage.alert[number] = name
            going_on.add(name)
    return lineage


def _unchanged(alerts: Mapping[str, Members], components: Mapping[int, Members]) -> dict[int, str]:
    """The alerts of components whose members are all that the alert had: nobody else shares any of them."""
    by_first = {members[0]: name for name, members in alerts.items()}
    candidates = {number: by_first.get(members[0]) for number, members in components.items()}
    return {
        number: name
        for number, name in candidates.items()
        if name is not None and alerts[name] == components[number]
    }


def _closest_first(shared: Mapping[tuple[str, int], list[ServiceKey]]) -> list[tuple[str, int]]:
    """The related pairs by overlap; ids are printed only where overlaps are equal."""
    sizes = Counter(map(len, shared.values()))

    def closeness(pair: tuple[str, int]) -> tuple[int, str, str]:
        overlap = shared[pair]
        smallest = min(map(str, overlap)) if sizes[len(overlap)] > 1 else ""
        return -len(overlap), smallest, pair[0]

    return sorted(shared, key=closeness)
