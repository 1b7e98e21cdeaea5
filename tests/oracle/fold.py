"""What the graph must be, told once more: from objects and telemetry straight to nodes, edges and conditions.

Slow and plain on purpose, and it imports nothing of the product: a reader can hold it against the design line by line, and no
fault of the product can hide in it. Tests compare what the product stores, serves and reports with this.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from oracle.bodies import Body, about, age, called, declared, dependencies, refusal, uid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    Observation = Mapping[str, Any]
    """What telemetry or an api record says: provider, group, source, target (printed ids), class; and where it is not the
    usual: protocol, mode, requirement, present, confirmed, stale, quarantined, alertable."""
    Statement = tuple[str, str, Mapping[str, Any]]
    """What an api record says about a service: the provider, the printed id, and the fields of the record."""

WEIGHT = {"declared": 0.95, "api": 0.90, "both ends": 0.85, "one end": 0.60, "flow": 0.50}
"""Classes of evidence, best first, and the confidence that each alone gives."""

SERVICE = ("technology", "team", "criticality", "availabilityTarget", "labels")
CALL = ("protocol", "mode", "requirement")
"""The fields in which two objects may differ."""


class Told(NamedTuple):
    """One object that exists: as it is now, and as it was when it was last accepted (None: it never was)."""

    current: Body
    good: Body | None


class Node(NamedTuple):
    """A service, with the best statement in each field."""

    technology: str | None = None
    team: str | None = None
    criticality: str | None = None
    target: str | None = None
    labels: tuple[tuple[str, str], ...] = ()
    discovered: bool = True


class Edge(NamedTuple):
    """What all evidence of one call says together."""

    protocol: str | None
    mode: str | None
    requirement: str | None
    confidence: float
    providers: frozenset[str]
    present: bool
    confirmed: bool
    stale: bool
    quarantined: bool
    alertable: bool
    accepted: bool


class Condition(NamedTuple):
    """What a condition must say, and words that its message must hold."""

    status: str
    reason: str
    words: frozenset[str] = frozenset()


class Folded(NamedTuple):
    """The graph; and by uid of each object its conditions by type, None for one that must be absent."""

    nodes: dict[str, Node]
    edges: dict[tuple[str, str], Edge]
    conditions: dict[str, dict[str, Condition | None]]


def fold(
    objects: Iterable[Told],
    observations: Iterable[Observation],
    now: datetime,
    records: Iterable[Statement] = (),
) -> Folded:
    """The one graph that follows from all of that at the time `now`, in whatever order it comes."""
    objects = sorted(objects, key=lambda one: age(one.current))
    good = [one.good for one in objects if one.good is not None]
    evidence: list[Observation] = [said for body in good for said in declared(body, now)]
    evidence += sorted(observations, key=lambda said: said["provider"])
    evidence.sort(
        key=lambda said: list(WEIGHT).index(said["class"])
    )  # among equals the older object stays ahead

    statements: dict[str, list[Body]] = defaultdict(list)
    for body in good:
        statements[about(body)].append(body["spec"]["service"])
    for _, service, words in sorted(records, key=lambda one: one[0]):
        statements[service].append(dict(words))  # behind what objects declare
    calls: dict[tuple[str, str], list[Observation]] = defaultdict(list)
    for said in evidence:
        calls[said["source"], said["target"]].append(said)
    known = set(statements)
    for said in evidence:
        if said["class"] != "declared" and not said.get("quarantined"):
            known |= {said["source"], said["target"]}
    return Folded(
        {
            name: _node(statements.get(name, []))
            for name in {*statements, *(end for pair in calls for end in pair)}
        },
        {pair: _edge(said) for pair, said in calls.items()},
        {uid(one.current): _conditions(one, known, good) for one in objects},
    )


def _node(statements: list[Body]) -> Node:
    def first(field: str) -> Any:
        return next((said[field] for said in statements if said.get(field)), None)

    return Node(
        first("technology"),
        first("team"),
        first("criticality"),
        first("availabilityTarget"),
        tuple(sorted((first("labels") or {}).items())),
        discovered=not statements,
    )


def _edge(said: list[Observation]) -> Edge:
    heard = [one for one in said if not one.get("quarantined")] or said

    def first(field: str) -> Any:
        return next((one[field] for one in heard if one.get(field)), None)

    return Edge(
        first("protocol"),
        first("mode"),
        first("requirement"),
        _confidence(heard),
        frozenset(one["provider"] for one in said),
        present=any(one.get("present", True) for one in heard),
        confirmed=any(one.get("confirmed", True) for one in heard),
        stale=all(one.get("stale", False) for one in heard),
        quarantined=all(one.get("quarantined", False) for one in said),
        alertable=any(one.get("alertable", True) for one in heard),
        accepted=any(one.get("accepted", False) for one in heard),
    )


def _confidence(heard: list[Observation]) -> float:
    best: dict[str, float] = defaultdict(float)
    for one in heard:
        doubts = (not one.get("confirmed", True)) + one.get("stale", False)
        best[one["group"]] = max(best[one["group"]], WEIGHT[one["class"]] / 2**doubts)
    doubt = 1.0
    for weight in best.values():
        doubt *= 1 - weight
    return 1 - doubt


def _conditions(told: Told, known: set[str], good: list[Body]) -> dict[str, Condition | None]:
    """Of a refused generation only that it is refused: what the last good one was told may stay as it was."""
    reason = refusal(told.current)
    if reason is not None:
        refused = {"Ready": Condition("False", reason), "Stalled": Condition("True", reason)}
        return {**refused, "Reconciling": None}
    unknown = {
        target
        for target, said in dependencies(told.current)
        if (said.get("kind") or "Service") == "Service" and target not in known
    }
    return {
        "Ready": Condition("True", "Stored"),
        "Stalled": None,
        "Reconciling": None,
        "Resolved": Condition("False", "UnknownTargets", frozenset(unknown))
        if unknown
        else Condition("True", "AllTargetsKnown"),
        "Conflicting": _conflicting(told.current, good),
    }


def _conflicting(body: Body, good: list[Body]) -> Condition | None:
    """Where an older object says something else about the same service or call: that one counts, so this one is told."""
    words: set[str] = set()
    mine: list[tuple[str, str, Body]] = [("", about(body), body["spec"]["service"])]
    mine += [(about(body), target, said) for target, said in dependencies(body)]
    for source, target, said in mine:
        for field in CALL if source else SERVICE:
            for older in good:
                theirs = _said(older, source, target).get(field)
                if age(older) >= age(body) or not said.get(field):
                    break
                if theirs:
                    words |= {called(older), field} if theirs != said[field] else set()
                    break
    return Condition("True", "AttributesDiffer", frozenset(words)) if words else None


def _said(body: Body, source: str, target: str) -> Body:
    """What an object says about a call, or without a source about a service."""
    if about(body) != (source or target):
        return {}
    return dict(dependencies(body)).get(target, {}) if source else body["spec"]["service"]
