"""How bad a circle is, and whether the teams have accepted it: which circles are left when some edges are taken away.

Called by `graph.explanation` for one component at a time. Each question costs one more search for components.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicegraph.graph.components import has_circle
from servicegraph.graph.strength import Strength
from servicegraph.model.alert import Severity

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from servicegraph.graph.components import Component


def severity(component: Component) -> Severity:
    """Critical where a circle of Sync and Hard edges is left, Warning where one of Sync edges is, else Info."""
    if _circle_of(component, component.strength == Strength.SYNC_HARD):
        return Severity.CRITICAL
    if _circle_of(component, component.strength != Strength.ASYNC):
        return Severity.WARNING
    return Severity.INFO


def is_accepted(component: Component) -> bool:
    """Whether every circle contains an edge whose part in a circle is accepted."""
    return bool(component.accepted.any()) and not _circle_of(component, ~component.accepted)


def _circle_of(component: Component, kept: npt.NDArray[np.bool_]) -> bool:
    """Whether the kept edges of a component contain a circle; all of them do, and of a ring only all of them."""
    if component.is_ring or kept.all():
        return bool(kept.all())
    return has_circle(component.size, component.source[kept], component.target[kept])
