"""Why an edge is not in the graph, or is there and yet not seen: what was removed, what is nearly the same, who cannot look.

Pure, like `checks.explaining`, which puts these sentences behind its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from servicegraph.checks.near import known_services
from servicegraph.graph.reality import reality
from servicegraph.model.fields import print_time
from servicegraph.model.vocabulary import Evidence, Flag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.model.ids import ServiceKey
    from servicegraph.model.records import EdgeRecord, RemovalRecord

_NAMED = 3
"""Of one sort at most."""

_WHY_DECLARED_NO_MORE = {
    "deleted": "that object was deleted",
    "swept": "that object was found to be gone",
    "undeclared": "that object declares it no more",
    "moved": "that object is about another service since",
}
_WHY_SHOWN_NO_MORE = {
    "expired": "it had not been seen for very long although its source was healthy",
    "moved": "the names that were seen mean other services since",
    "source forgotten": "that source of telemetry is gone",
    "left out": "the full picture that was sent then has it no more",
    "taken back": "it was taken back",
}


@dataclass(frozen=True, slots=True)
class Oddities:
    """What is odd around a pair of services, whether there is an edge between them or not."""

    reasons: tuple[str, ...]
    near_misses: tuple[str, ...] = ()


def edge_between(snapshot: Snapshot, source: ServiceKey, target: ServiceKey) -> int | None:
    """The position of an edge; None where there is none."""
    begin_at, end_at = snapshot.position(source), snapshot.position(target)
    if begin_at is None or end_at is None:
        return None
    begin, end = snapshot.outgoing.start[begin_at : begin_at + 2].tolist()
    at = begin + int(np.searchsorted(snapshot.edges.target[begin:end], end_at))
    return at if at < end and snapshot.edges.target[at] == end_at else None


def why_not(snapshot: Snapshot, source: ServiceKey, target: ServiceKey, record: EdgeRecord) -> list[str]:
    """Why nothing says that there is such an edge."""
    told = [f"nothing says that {source} calls {target}"]
    told += [_removed(one) for one in record.removals[:_NAMED]]
    told += [f"nothing names {key} any more" for key in (source, target) if snapshot.position(key) is None]
    for one in record.objects[:_NAMED]:
        problem = (
            f"; its newest generation is not accepted ({one.problem}), so an earlier one holds"
            if one.problem
            else ""
        )
        told.append(
            f"ServiceDependency {one}, generation {one.generation}, is about {source} and does not declare it{problem}"
        )
    if not record.objects:
        told.append(f"no ServiceDependency is about {source}")
    return told


def _removed(one: RemovalRecord) -> str:
    """When and why somebody's word ended."""
    who, words = f"{one.provider} said so", _WHY_SHOWN_NO_MORE
    if one.object:
        who, words = f"ServiceDependency {one.object} declared it", _WHY_DECLARED_NO_MORE
    why = words.get(one.reason, one.reason)
    return f"{who} until version {one.version}, {print_time(one.at)}: {why}"


def oddities(snapshot: Snapshot, source: ServiceKey, target: ServiceKey, record: EdgeRecord) -> Oddities:
    """The other direction, names that are near, names in quarantine, and who could have shown it."""
    at = edge_between(snapshot, source, target)
    real = reality(snapshot)
    reasons = list(_reverse(snapshot, source, target))
    if at is not None and real.observed[at]:
        return Oddities(tuple(reasons))
    near = _near(snapshot, source, target)
    reasons += [f"{source} does call {one}: is that what is meant?" for one in near]
    reasons += _in_quarantine(snapshot, source, target)
    if at is not None and real.optional[at]:
        reasons.append("it is declared with observation: Optional, so that never to see it is fine")
    reasons += _who_could_see(source, target, snapshot, record)
    return Oddities(tuple(reasons), near)


def _reverse(snapshot: Snapshot, source: ServiceKey, target: ServiceKey) -> Iterator[str]:
    """That there is an edge the other way round, which may be this one, said or seen the wrong way round."""
    there, back = edge_between(snapshot, source, target), edge_between(snapshot, target, source)
    if back is None:
        return
    real = reality(snapshot)
    by = {word: bool(mask[back]) for word, mask in (("declared", real.declared), ("observed", real.observed))}
    this = there is not None and (real.declared[there], real.observed[there])
    swapped = by["declared"] != by["observed"] and this in (False, (by["observed"], by["declared"]))
    says = "".join(f", {word}" for word, holds in by.items() if holds)
    yield f"the other way round there is {target} → {source}{says}{': swapped?' if swapped else ''}"


def _near(snapshot: Snapshot, source: ServiceKey, target: ServiceKey) -> tuple[str, ...]:
    """Whom the source does call under nearly the target's name."""
    place = snapshot.position(source)
    if place is None:
        return ()
    begin, end = snapshot.outgoing.start[place : place + 2].tolist()
    called = np.zeros(len(snapshot.nodes), np.bool_)
    called[snapshot.edges.target[begin:end]] = True
    return known_services(snapshot).near(target, called)


def _in_quarantine(snapshot: Snapshot, source: ServiceKey, target: ServiceKey) -> Iterator[str]:
    """Calls of the two that telemetry shows without saying with whom."""
    place = snapshot.position(source), snapshot.position(target)
    found: list[int] = []
    for node, way in zip(place, (snapshot.outgoing, snapshot.incoming), strict=True):
        if node is not None:
            edges = way.edge[way.start[node] : way.start[node + 1]]
            found += edges[(snapshot.edges.flags[edges] & np.uint8(Flag.QUARANTINED)) != 0][:_NAMED].tolist()
    for at in found:
        ends = (snapshot.nodes[end[at]].key for end in (snapshot.edges.source, snapshot.edges.target))
        call = " → ".join(map(str, ends))
        yield f"in quarantine stands {call}, as telemetry gave one end no real name: perhaps it is that call"


def _who_could_see(
    source: ServiceKey, target: ServiceKey, snapshot: Snapshot, record: EdgeRecord
) -> Iterator[str]:
    """Which sources of telemetry could have shown it and do not, and which are unwell."""
    seen_once = {one.provider for one in record.observations if one.evidence >= Evidence.BOTH_ENDS}
    sources = [one for one in snapshot.providers if one.sees]
    able = [one.name for one in sources if {source.kind, target.kind} <= one.sees]
    if not sources:
        yield "no source of telemetry has shown anything yet, so it could not be observed"
    elif not able:
        yield f"no source of telemetry can show a call of a {source.kind} to a {target.kind}"
    elif idle := [name for name in able if name not in seen_once]:
        yield f"{', '.join(idle[:_NAMED])} could show it and {'do' if len(idle) > 1 else 'does'} not"
    for one in record.providers:
        if one.health is not None:
            since = (
                f", last good {print_time(one.last_good_at)}" if one.last_good_at else ", never good so far"
            )
            yield f"{one.name} is unwell{since}, so what it does not show tells nothing: {one.health}"
