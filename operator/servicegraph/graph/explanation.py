"""Everything that is said about one component: how bad it is, the shortest circle, the way out.

Called by `graph.alerts` for components whose members or edges changed; for all others the last explanation still holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from servicegraph.graph.cuts import cheapest_cut
from servicegraph.graph.severity import is_accepted, severity
from servicegraph.graph.strength import COST, Strength
from servicegraph.graph.witness import shortest_circle
from servicegraph.model.alert import MAX_CUT, Cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicegraph.graph.components import Component
    from servicegraph.model.alert import Severity
    from servicegraph.model.ids import ServiceKey


@dataclass(frozen=True, slots=True)
class Explanation:
    """What an `Alert` says about its component; the fields are the alert's."""

    severity: Severity
    witness: tuple[ServiceKey, ...]
    cut: tuple[Cut, ...]
    cut_size: int
    accepted: bool


def explain(component: Component, members: Sequence[ServiceKey]) -> Explanation:
    """Explain a component whose members have these names.

    The order of the names decides between equal answers, and nothing outside the component does.
    """
    cut = cheapest_cut(component)
    chosen = np.flatnonzero(cut)
    shown = np.sort(chosen[np.argsort(COST[component.strength[chosen]], kind="stable")][:MAX_CUT])
    return Explanation(
        severity=severity(component),
        witness=_from_the_smallest([members[at] for at in shortest_circle(component, cut)]),
        cut=tuple(
            Cut(members[source], members[target], Strength(strength).words)
            for source, target, strength in zip(
                component.source[shown].tolist(),
                component.target[shown].tolist(),
                component.strength[shown].tolist(),
                strict=True,
            )
        ),
        cut_size=len(chosen),
        accepted=is_accepted(component),
    )


def _from_the_smallest(circle: list[ServiceKey]) -> tuple[ServiceKey, ...]:
    """The same circle, beginning and ending with its smallest id."""
    ring = circle[:-1]
    begin = min(range(len(ring)), key=lambda at: str(ring[at]))
    return (*ring[begin:], *ring[: begin + 1])
