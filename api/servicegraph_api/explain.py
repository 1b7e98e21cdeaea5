"""Why an edge is there, or why it is not: every word about it, and what that makes together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servicegraph.checks.explaining import explain
from servicegraph.errors import UnknownService
from servicegraph.model.ids import Kind
from servicegraph.model.vocabulary import Flag
from servicegraph_api import lookup
from servicegraph_api import parameters as p
from servicegraph_api.fragments import dumps

if TYPE_CHECKING:
    from servicegraph.checks.weighing import Weighed, Word
    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.model.ids import ServiceKey
    from servicegraph.model.records import ObjectRecord, Records
    from servicegraph_api.answers import Ask
    from servicegraph_api.problems import Problem


async def explained(ask: Ask, records: Records) -> tuple[bytes, int]:
    """The pair of services that is asked for, and the version of the graph that it is explained in.

    Raises:
        BadInput: one of the two is not named.
        Problem: 404, when one of the two was never heard of, or several bear its name.
        StoreUnavailable: Postgres cannot be asked.
    """
    snapshot = ask.snapshot
    source, no_source = _end(snapshot, p.required(ask.query, p.SOURCE))
    target, no_target = _end(snapshot, p.required(ask.query, p.TARGET))
    record = await records.edge(source, target)
    problem = no_source or no_target
    if problem is not None and not record.observations and not record.removals:
        raise problem
    found = explain(snapshot, source, target, record)
    document = {
        "source": str(source),
        "target": str(target),
        "exists": found.weighed is not None,
        **_edge(found.weighed),
        "reasons": found.reasons,
        "providers": [_word(one) for one in found.weighed.words] if found.weighed else [],
        "rules": found.rules,
        "query": found.query,
        "removed": [
            {
                "at": one.at,
                "version": one.version,
                "provider": one.provider,
                "object": one.object,
                "reason": one.reason,
            }
            for one in record.removals
        ],
        "objects": [_object(one) for one in record.objects],
        "near_misses": found.near_misses,
        "graph_version": record.version,
    }
    return dumps(document), record.version


def _end(snapshot: Snapshot, wanted: ServiceKey) -> tuple[ServiceKey, Problem | None]:
    """Who is meant, and the 404 if that one is not in the graph: it may have been.

    Raises:
        Problem: 404, when several bear that name.
    """
    try:
        return snapshot.nodes[lookup.found(snapshot, wanted)].key, None
    except UnknownService as unknown:
        problem = lookup.not_found(snapshot, wanted, unknown)
        if not wanted.kind and unknown.candidates:
            raise problem from None
        return (wanted if wanted.kind else wanted._replace(kind=Kind.SERVICE)), problem


def _edge(weighed: Weighed | None) -> dict[str, Any]:
    """What all words make together; nothing of all that where there is none."""
    if weighed is None:
        nothing = dict.fromkeys(("confidence", "protocol", "mode", "requirement"))
        return {"stale": False, "quarantined": False, **nothing}
    return {
        "stale": Flag.STALE in weighed.flags,
        "quarantined": Flag.QUARANTINED in weighed.flags,
        "confidence": round(weighed.confidence, 4),
        "protocol": weighed.protocol or None,
        "mode": weighed.mode.word,
        "requirement": weighed.requirement.word,
    }


def _word(word: Word) -> dict[str, Any]:
    said = word.said
    return {
        "name": said.provider,
        "group": said.group,
        "object": None if said.object is None else _object(said.object),
        "evidence": said.evidence.name.lower().replace("_", " "),
        "raw": said.raw,
        "rules": said.rules,
        "details": said.details,
        "protocol": said.protocol or None,
        "mode": said.mode.word,
        "requirement": said.requirement.word,
        "first_seen": said.first_seen,
        "present": said.present,
        "last_seen": said.last_seen,
        "confirmed": said.confirmed,
        "stale": said.stale,
        "quarantined": said.quarantined,
        "weight": round(word.weight, 4),
        "counts": word.counts,
    }


def _object(one: ObjectRecord) -> dict[str, Any]:
    return {
        "namespace": one.namespace,
        "name": one.name,
        "generation": one.generation,
        "problem": one.problem,
    }
