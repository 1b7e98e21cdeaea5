"""Why an edge is in the graph, as a person would say it: who says so, how much that weighs, what is odd about it.

Pure: from stored words (`model.records`) and the snapshot around them to sentences. Why an edge is *not* there is told by
`checks.missing`. The HTTP server asks `explain`; no other answer needs as much.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from servicegraph.checks.missing import edge_between, oddities, why_not
from servicegraph.checks.weighing import Weighed, Word, weigh
from servicegraph.model.fields import print_time
from servicegraph.model.vocabulary import Evidence, Flag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.model.ids import ServiceKey
    from servicegraph.model.records import EdgeRecord

_NAMED = 10
"""Words told one by one; the best come first."""

_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Explanation:
    """What there is to know about a pair of services."""

    weighed: Weighed | None
    """The edge; None where nothing says that there is one."""
    reasons: tuple[str, ...]
    """Sentences, the most important first."""
    rules: tuple[str, ...] = ()
    """By which raw names were resolved, each once."""
    query: str | None = None
    """The PromQL by which it was seen, or else would be."""
    near_misses: tuple[str, ...] = ()
    """Services that the source does call and whose name is near the target's."""


def explain(snapshot: Snapshot, source: ServiceKey, target: ServiceKey, record: EdgeRecord) -> Explanation:
    """Explain an edge or its absence.

    Args:
        snapshot: for what stands around the edge; it may be of a version next to that of the record.
        source: who calls.
        target: whom.
        record: all that is stored about the two.
    """
    queries = {one.name: one.query for one in record.providers if one.query}
    asked = [queries[one.provider] for one in record.observations if one.provider in queries]
    odd = oddities(snapshot, source, target, record)
    weighed = weigh(record.observations) if record.observations else None
    if weighed is None:
        told = why_not(snapshot, source, target, record)
    else:
        told = [*_words(weighed), *_in_all(weighed), *_circle(snapshot, source, target)]
    return Explanation(
        weighed=weighed,
        reasons=(*told, *odd.reasons),
        rules=tuple(dict.fromkeys(rule for one in record.observations for rule in one.rules)),
        query=next(iter(asked or queries.values()), None),
        near_misses=odd.near_misses,
    )


def _words(weighed: Weighed) -> Iterator[str]:
    """A sentence for each word."""
    for word in weighed.words[:_NAMED]:
        yield f"{_who(word)}: {_weight(word)}"
    if len(weighed.words) > _NAMED:
        yield f"and {len(weighed.words) - _NAMED} more like that"


def _who(word: Word) -> str:
    """Who says what since when."""
    said = word.said
    since = f"since {print_time(said.first_seen)}"
    if said.object is not None:
        late = (
            " (its newest generation is not accepted, so an earlier one holds)" if said.object.problem else ""
        )
        return (
            f"ServiceDependency {said.object}, generation {said.object.generation}{late}, declares it {since}"
        )
    if said.evidence == Evidence.API:
        return f"{said.provider} has posted it, {since}"
    names = _raw_names(word)
    if said.present:
        return f"{said.provider} shows {names} {since}"
    return f"{said.provider} has shown {names} {since}, for the last time {print_time(said.last_seen or said.first_seen)}"


def _raw_names(word: Word) -> str:
    raw = word.said.raw
    client, server = raw.get("client"), raw.get("server")
    return f"calls of {client} to {server}" if client and server else "it"


def _weight(word: Word) -> str:
    """What the word adds to confidence, and why so much."""
    said = word.said
    kind = {
        Evidence.DECLARED: "what is declared",
        Evidence.API: "what is posted",
        Evidence.BOTH_ENDS: "both ends seen",
        Evidence.ONE_END: "one end seen",
        Evidence.FLOW: "network flow only",
    }[said.evidence]
    doubts = [] if said.confirmed else ["halved while only one poll has shown it"]
    if said.stale:
        doubts.append("halved as it is stale")
    if said.quarantined:
        doubts.append("in quarantine, as a name in it names no service")
    if not word.counts:
        doubts.append(
            "not counted beside better evidence" + ("" if said.quarantined else f" of {said.group}")
        )
    return ", ".join([f"{kind}, weight {word.weight:.4g}", *doubts])


def _in_all(weighed: Weighed) -> Iterator[str]:
    """What all words make together."""
    weights = [word.weight for word in weighed.words if word.counts]
    sum_of = f" = 1 - {' * '.join(f'(1 - {weight:.4g})' for weight in weights)}" if len(weights) > 1 else ""
    yield f"confidence {weighed.confidence:.4g}{sum_of}"
    if Flag.QUARANTINED in weighed.flags:
        yield "it is in quarantine: shown only with include_quarantined=true, never walked through, never in a circle"
        return
    if Flag.STALE in weighed.flags:
        hours = max(word.said.absent_for for word in weighed.words) / _HOUR
        yield (
            f"it is stale, not seen for {hours:.0f} h in which its source was healthy: shown only with include_stale=true"
        )
    if Flag.ALERTABLE not in weighed.flags:
        yield f"it raises no alert about a circle: {_why_no_alert(weighed)}"


def _why_no_alert(weighed: Weighed) -> str:
    said = [word.said for word in weighed.words if not word.said.quarantined]
    if all(one.evidence == Evidence.API for one in said):
        return "only the API says so"
    if not any(one.confirmed for one in said if one.evidence != Evidence.API):
        return "only one poll has shown it so far"
    return "it has not been seen for too long"


def _circle(snapshot: Snapshot, source: ServiceKey, target: ServiceKey) -> Iterator[str]:
    """That it is part of a circle."""
    at = edge_between(snapshot, source, target)
    if at is not None and snapshot.in_circle[at]:
        alert = snapshot.alert_of(int(snapshot.edges.source[at]))
        if alert is not None:
            yield f"it is part of a circle of {len(alert.members)} services, {alert.name}"
