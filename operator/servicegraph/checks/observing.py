"""Whether telemetry shows what an object declares: the condition `Observed`, and the numbers beside it.

An edge is missing only once a source of telemetry that could show it has looked, with success, since it was declared. So an
outage changes no verdict: what was judged stays judged, what is declared meanwhile waits. Neither volume nor times get into a
message, or a steady state would be written again and again. `writeback` calls this for each object, and `graph.drift` compares
whole graphs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from servicegraph.checks.verdict import MAX_MESSAGE, Verdict, listed
from servicegraph.graph.reality import reality
from servicegraph.model.vocabulary import Evidence

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.model.ids import Kind, ServiceKey

    Said = tuple[Literal["True", "False", "Unknown"], str, str]

OBSERVED = "Observed"
ALL_OBSERVED = "AllObserved"
PARTLY_OBSERVED = "PartlyObserved"
NEVER_OBSERVED = "NeverObserved"
ONLY_REVERSE_OBSERVED = "OnlyReverseObserved"
NO_PROVIDER = "NoProvider"
"""No source of telemetry is set up, or none that could show what is declared."""
NOT_LOOKED_YET = "NotEvaluated"
"""A source of telemetry could show it, and has not answered since it was declared."""

_NEVER = 2**63 - 1
_ROOM_BESIDE = 200
"""Characters of a message for the names of what is to be known beside the verdict."""
_ROOM = MAX_MESSAGE - 2 * _ROOM_BESIDE - 200
"""Characters for the names of what the verdict is about; the rest is for the words around."""


@dataclass(frozen=True, slots=True)
class Watcher:
    """A source of telemetry, as far as it can judge."""

    sees: frozenset[Kind]
    """Kinds of services between which it shows calls."""
    looked: datetime | None
    """Its last poll that went well; None where none has."""


@dataclass(frozen=True, slots=True)
class Observing:
    """What telemetry says of one object."""

    verdict: Verdict
    observed: int = 0
    """Dependencies of the object that are observed."""
    unobserved: int = 0
    """Those that should be and are not."""
    undeclared: int = 0
    """Calls of its service that are observed and that no object declares."""


class _Call(NamedTuple):
    """One edge of the service, and what reality says of it."""

    edge: int
    observed: bool
    declared: bool
    relayed: bool
    reverse: int


@dataclass(frozen=True, slots=True)
class _Sorted:
    """The dependencies of one object, by what is known of them, in the order in which they are declared."""

    seen: list[ServiceKey] = field(default_factory=list)
    swapped: list[ServiceKey] = field(default_factory=list)
    missing: list[ServiceKey] = field(default_factory=list)
    waiting: list[ServiceKey] = field(default_factory=list)
    """Could be seen, and nobody has looked yet."""
    unseeable: list[ServiceKey] = field(default_factory=list)
    """No source of telemetry could show them."""


def observing(
    source: ServiceKey,
    targets: Sequence[ServiceKey],
    optional: Collection[ServiceKey],
    snapshot: Snapshot,
    watchers: Sequence[Watcher],
) -> Observing:
    """Judge what one object declares by a graph that holds it.

    Args:
        source: its service.
        targets: what it declares that the service calls.
        optional: those of them that need never be seen (`observation: Optional`).
        snapshot: the graph.
        watchers: all sources of telemetry that are set up.
    """
    if not watchers:
        return Observing(Verdict(OBSERVED, "Unknown", NO_PROVIDER, "no source of telemetry is set up"))
    own = _calls_of(source, snapshot)
    # Who is set up and has never answered takes no verdict back that others have come to.
    able = [one for one in watchers if one.looked is not None] or watchers
    found = _sort(source, targets, optional, snapshot, able, own)
    undeclared = [key for key, call in own.items() if call.observed and not (call.declared or call.relayed)]
    return Observing(
        _judge(source, found, undeclared),
        observed=len(found.seen),
        unobserved=len(found.swapped) + len(found.missing),
        undeclared=len(undeclared),
    )


def _calls_of(source: ServiceKey, snapshot: Snapshot) -> dict[ServiceKey, _Call]:
    """Whom a service calls, and what is known of each call."""
    at = snapshot.position(source)
    if at is None:
        return {}
    known, edges = reality(snapshot), snapshot.edges
    # The edges of one source stand side by side, and a slice is turned into plain values at a fraction of the cost of each.
    own = slice(int(snapshot.outgoing.start[at]), int(snapshot.outgoing.start[at + 1]))
    columns = (known.observed, known.declared, known.relayed, known.reverse)
    values = zip(range(own.start, own.stop), *(column[own].tolist() for column in columns), strict=True)
    far = edges.target[own].tolist()
    return {snapshot.nodes[node].key: _Call(*of) for node, of in zip(far, values, strict=True)}


def _sort(
    source: ServiceKey,
    targets: Sequence[ServiceKey],
    optional: Collection[ServiceKey],
    snapshot: Snapshot,
    watchers: Sequence[Watcher],
    own: dict[ServiceKey, _Call],
) -> _Sorted:
    found = _Sorted()
    able = [one for one in watchers if source.kind in one.sees]
    for target in dict.fromkeys(targets):
        call = own.get(target)
        if call is not None and call.observed:
            found.seen.append(target)
        elif target in optional:
            continue
        elif call is None or not any(target.kind in one.sees for one in able):
            found.unseeable.append(target)
        elif not _has_looked(able, target.kind, _declared_since(snapshot, call.edge)):
            found.waiting.append(target)
        elif call.reverse >= 0 and _is_undeclared(snapshot, call.reverse):
            found.swapped.append(target)
        else:
            found.missing.append(target)
    return found


def _is_undeclared(snapshot: Snapshot, edge: int) -> bool:
    """Whether an edge is observed, and neither it nor the queue in between is declared."""
    known = reality(snapshot)
    return bool(known.observed[edge] and not known.declared[edge] and not known.relayed[edge])


def _declared_since(snapshot: Snapshot, edge: int) -> int:
    """Since when an object declares the edge, in microseconds since the Unix epoch."""
    said, behind = snapshot.edges.observations, snapshot.edges.evidence(edge)
    words = zip(said.evidence[behind].tolist(), said.first_seen[behind].tolist(), strict=True)
    return min((since for evidence, since in words if evidence == Evidence.DECLARED), default=_NEVER)


def _has_looked(able: Sequence[Watcher], kind: str, since: int) -> bool:
    """Whether one that could see a target of this kind has looked at or after that moment."""
    return any(
        kind in one.sees and one.looked is not None and microseconds(one.looked) >= since for one in able
    )


def microseconds(moment: datetime) -> int:
    """A moment the way columns hold it."""
    return round(moment.timestamp() * 1_000_000)


def _judge(source: ServiceKey, found: _Sorted, undeclared: list[ServiceKey]) -> Verdict:
    """The verdict in words: what is missing first, then what else is to be known."""
    status, reason, message = _said(source, found)
    parts = [message]
    if found.unseeable and reason != NO_PROVIDER:
        parts.append(f"no source of telemetry could show {_names(found.unseeable, _ROOM_BESIDE)}")
    if undeclared:
        parts.append(f"observed and declared by nobody: {_names(undeclared, _ROOM_BESIDE)}")
    return Verdict(OBSERVED, status, reason, ". Also, ".join(parts), len(found.swapped) + len(found.missing))


def _said(source: ServiceKey, found: _Sorted) -> Said:
    """Status, reason and the first sentence."""
    if found.swapped or found.missing:
        return "False", *_lacking(source, found)
    if found.waiting:
        return (
            "Unknown",
            NOT_LOOKED_YET,
            f"telemetry has not answered since it is declared: {_names(found.waiting, _ROOM)}",
        )
    if found.unseeable and not found.seen:
        return "Unknown", NO_PROVIDER, f"no source of telemetry could show {_names(found.unseeable, _ROOM)}"
    number = len(found.seen)
    if not number:
        return "True", ALL_OBSERVED, "nothing is declared that should be observed"
    return (
        "True",
        ALL_OBSERVED,
        "the dependency is observed" if number == 1 else f"all {number} dependencies are observed",
    )


def _lacking(source: ServiceKey, found: _Sorted) -> tuple[str, str]:
    """Reason and sentence where something is not observed."""
    judged, missing = len(found.seen) + len(found.missing), [str(one) for one in found.missing]
    if found.swapped:
        turned = [
            f"declared {source} → {one}, only {one} → {source} is observed: swapped?" for one in found.swapped
        ]
        return ONLY_REVERSE_OBSERVED, listed(turned + [f"{one} is not observed" for one in missing], _ROOM)
    if found.seen:
        return (
            PARTLY_OBSERVED,
            f"{len(missing)} of {judged} dependencies are not observed: {listed(missing, _ROOM)}",
        )
    subject = (
        "the dependency is not observed" if judged == 1 else f"none of {judged} dependencies is observed"
    )
    return NEVER_OBSERVED, f"{subject}: {listed(missing, _ROOM)}"


def _names(keys: list[ServiceKey], room: int) -> str:
    return listed([str(key) for key in keys], room)
