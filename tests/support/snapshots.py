"""A snapshot of the product in the words of the oracle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oracle.readings import Reading
from servicegraph.model.vocabulary import Flag, Mode, Requirement

if TYPE_CHECKING:
    from servicegraph.graph.snapshot import Snapshot

_FLAGS = ("present", "confirmed", "stale", "quarantined", "alertable", "accepted")


def reading(snapshot: Snapshot) -> Reading:
    """The whole graph, every field of it."""
    names = [str(node.key) for node in snapshot.nodes]
    edges = snapshot.edges
    return Reading(
        snapshot.mark.version,
        {
            name: {
                "technology": node.technology,
                "team": node.team,
                "criticality": node.criticality,
                "target": node.target,
                "labels": node.labels,
                "discovered": not node.stated,
            }
            for name, node in zip(names, snapshot.nodes, strict=True)
        },
        {
            (names[edges.source[at]], names[edges.target[at]]): {
                "protocol": snapshot.protocols[edges.protocol[at]] or None,
                "mode": Mode(int(edges.mode[at])).word,
                "requirement": Requirement(int(edges.requirement[at])).word,
                "confidence": float(edges.confidence[at]),
                "providers": frozenset(
                    snapshot.providers[who].name for who in edges.observations.provider[edges.evidence(at)]
                ),
                **{flag: bool(edges.flags[at] & Flag[flag.upper()]) for flag in _FLAGS},
            }
            for at in range(len(edges))
        },
    )
