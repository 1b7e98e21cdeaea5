"""The same answers as `servicegraph.graph`, found by plain Python on plain values, sharing no code with it.

Slow and short on purpose: a reader can check it against the design line by line. Property-based tests compare both.
"""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

WEIGHTS = {1: 0.95, 2: 0.90, 3: 0.85, 4: 0.60, 5: 0.50}


class Fact(NamedTuple):
    """One observation: nodes and providers are numbers, evidence, mode and requirement the numbers of the contract."""

    source: int
    target: int
    provider: int = 0
    rank: int = 0
    evidence: int = 1
    mode: int = 1
    requirement: int = 2
    protocol: int = 0
    present: bool = True
    confirmed: bool = True
    stale: bool = False
    quarantined: bool = False
    alertable: bool = True
    accepted: bool = False
    optional: bool = False


class Edge(NamedTuple):
    """What all observations of one edge say together."""

    protocol: int
    mode: int
    requirement: int
    confidence: float
    present: bool
    confirmed: bool
    stale: bool
    quarantined: bool
    alertable: bool
    accepted: bool
    providers: frozenset[int]


def merged(facts: list[Fact], groups: list[str]) -> dict[tuple[int, int], Edge]:
    """The edge of every pair that some observation names; `groups` is the evidence group of each provider."""
    by_pair: dict[tuple[int, int], list[Fact]] = defaultdict(list)
    for fact in facts:
        by_pair[fact.source, fact.target].append(fact)
    return {pair: _edge(said, groups) for pair, said in by_pair.items()}


def _edge(said: list[Fact], groups: list[str]) -> Edge:
    heard = [fact for fact in said if not fact.quarantined] or said
    heard = sorted(heard, key=_precedence)

    def first(field: str) -> int:
        return next((getattr(fact, field) for fact in heard if getattr(fact, field)), 0)

    best: dict[str, float] = {}
    for fact in heard:
        weight = WEIGHTS[fact.evidence] * (1 if fact.confirmed else 0.5) * (0.5 if fact.stale else 1)
        best[groups[fact.provider]] = max(best.get(groups[fact.provider], 0), weight)
    doubt = 1.0
    for weight in best.values():
        doubt *= 1 - weight
    return Edge(
        protocol=first("protocol"),
        mode=first("mode"),
        requirement=first("requirement"),
        confidence=1 - doubt,
        present=any(fact.present for fact in heard),
        confirmed=any(fact.confirmed for fact in heard),
        stale=all(fact.stale for fact in heard),
        quarantined=all(fact.quarantined for fact in heard),
        alertable=any(fact.alertable for fact in heard),
        accepted=any(fact.accepted for fact in heard),
        providers=frozenset(fact.provider for fact in said),
    )


def _precedence(fact: Fact) -> tuple[int, ...]:
    return fact.evidence, fact.rank, fact.provider, fact.protocol, fact.mode, fact.requirement


class Wish(NamedTuple):
    """The filters of a request."""

    include_stale: bool = False
    include_quarantined: bool = False
    min_confidence: float = 0.0
    provider: int | None = None
    mode: int | None = None
    requirement: int | None = None

    def passes(self, edge: Edge) -> bool:
        """Whether an answer may use the edge."""
        return (
            (self.include_stale or not edge.stale)
            and (self.include_quarantined or not edge.quarantined)
            and edge.confidence >= self.min_confidence - 1e-6
            and (self.provider is None or self.provider in edge.providers)
            and (self.mode is None or self.mode == (edge.mode or 1))
            and (self.requirement is None or self.requirement == (edge.requirement or 1))
        )


def within(
    edges: dict[tuple[int, int], Edge], root: int, direction: str, depth: int, wish: Wish | None = None
) -> tuple[dict[int, int], set[tuple[int, int]]]:
    """The distance of every node within `depth` hops, and all edges among them that pass; without limits."""
    wish = wish or Wish()
    allowed = {pair: edge for pair, edge in edges.items() if wish.passes(edge)}
    nodes: dict[int, int] = {}
    for way in ("downstream", "upstream"):
        if direction in {way, "both"}:
            for node, hops in _distances(allowed, root, way, depth).items():
                nodes[node] = min(hops, nodes.get(node, hops))
    return nodes, {(a, b) for a, b in allowed if a in nodes and b in nodes}


def _distances(edges: dict[tuple[int, int], Edge], root: int, way: str, depth: int) -> dict[int, int]:
    walked = {root: 0}
    shown = {root: 0}
    waiting = [root]
    for node in waiting:
        for (source, target), edge in edges.items():
            near, far = (source, target) if way == "downstream" else (target, source)
            if near != node or walked[node] == depth:
                continue
            hops = walked[node] + 1
            shown[far] = min(hops, shown.get(far, hops))
            if (
                not edge.quarantined and far not in walked
            ):  # a quarantined edge is shown, but nothing lies behind it
                walked[far] = hops
                waiting.append(far)
    return shown
