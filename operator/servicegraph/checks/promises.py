"""Whether services that fail with others are promised to be better than those: criticality and availability targets.

Only what is stated counts. Of the service that a manifest is about only that manifest's words count, so that who takes back a
promise hears nothing more of it; of the others the manifests beside it, then the graph. `checks.changes` asks.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from servicegraph.model.vocabulary import Mode, Requirement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.model.ids import ServiceKey
    from servicegraph.model.observation import Observation, Statement

_LEVELS = {"Low": 1, "Medium": 2, "High": 3, "Critical": 4}
_WHOLE = Decimal(100)
_DIGITS = Decimal("0.0001")
_NAMED = 2


class Promises:
    """What teams say about their services, in a graph and in manifests that come on top of it."""

    def __init__(self, snapshot: Snapshot, stated: Sequence[Statement]) -> None:
        self._snapshot = snapshot
        self._criticality = {one.service: one.criticality for one in reversed(stated) if one.criticality}
        self._target = {one.service: one.target for one in reversed(stated) if one.target}

    def less_critical(self, own: Statement, edge: Observation) -> str | None:
        """What to say where a service depends Hard on a less critical one."""
        if edge.requirement != Requirement.HARD or own.criticality is None:
            return None
        theirs = self._criticality.get(edge.target) or self._stored(edge.target, "criticality")
        if theirs is None or _LEVELS[theirs] >= _LEVELS[own.criticality]:
            return None
        return f"is {own.criticality}, but depends Hard on {edge.target}, which is {theirs}"

    def too_high(self, own: Statement, edges: Sequence[Observation]) -> str | None:
        """What to say where a service promises more than the targets of its Hard and Sync dependencies allow.

        They fail independently at best, so it works at most the product of the times that they do.
        """
        if own.target is None:
            return None
        theirs: list[tuple[Decimal, ServiceKey]] = []
        for edge in edges:
            if edge.requirement == Requirement.HARD and edge.mode == Mode.SYNC:
                stated = self._target.get(edge.target) or self._stored(edge.target, "target")
                if stated is not None:
                    theirs.append((Decimal(stated), edge.target))
        allowed = _WHOLE
        for share, _ in theirs:
            allowed = allowed * share / _WHOLE
        if Decimal(own.target) <= allowed:
            return None
        weakest = [f"{key} {share} %" for share, key in sorted(theirs)[:_NAMED]]
        beyond = f" and {len(theirs) - _NAMED} more" if len(theirs) > _NAMED else ""
        return f"promises {own.target} %, its Hard targets allow {_shown(allowed)} %: {', '.join(weakest)}{beyond}"

    def _stored(self, key: ServiceKey, field: str) -> str | None:
        """What the graph says of another service."""
        at = self._snapshot.position(key)
        said: str | None = None if at is None else getattr(self._snapshot.nodes[at], field)
        return said


def _shown(share: Decimal) -> str:
    """A percentage to four digits, rounded down, so that it is never shown as high as what it is below."""
    text = f"{share.quantize(_DIGITS, rounding='ROUND_DOWN'):f}"
    return text.rstrip("0").rstrip(".")
