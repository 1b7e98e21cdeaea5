"""What a change does, as the document that `POST /check` answers and `servicegraph check --output json` prints.

The same shape whether a server has worked it out or the command itself, so that all other outputs are made from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicegraph.checks.changes import Assessment, Ends
    from servicegraph.checks.finding import Finding
    from servicegraph.checks.manifests import Reading
    from servicegraph.graph.foreseen import Foreseen

    Item = dict[str, Any]

MOST_FINDINGS = 10_000
MOST_EDGES = 10_000
MOST_MEMBERS = 50
"""Services that are named of a circle, as on a CycleAlert."""


def answered(reading: Reading, assessment: Assessment) -> Item:
    """Everything that is to be said about the manifests; long lists are cut, and `truncated` says so."""
    findings = [*reading.findings, *assessment.findings]
    findings.sort(key=lambda one: one.manifest)
    lists: list[tuple[Sequence[Any], int]] = [
        (findings, MOST_FINDINGS), (assessment.added, MOST_EDGES), (assessment.removed, MOST_EDGES)
    ]  # fmt: skip
    affected = assessment.affected
    return {
        "findings": [_finding(reading, one) for one in findings[:MOST_FINDINGS]],
        "edges": {
            "added": [_edge(one) for one in assessment.added[:MOST_EDGES]],
            "removed": [_edge(one) for one in assessment.removed[:MOST_EDGES]],
        },
        "circles": [_circle(one) for one in assessment.circles],
        "affected": {
            "count": affected.count,
            "services": [
                {
                    "id": str(node.key),
                    "distance": distance,
                    "team": node.team,
                    "criticality": node.criticality,
                }
                for node, distance in affected.nearest
            ],
        },
        "manifests": len(reading.manifests),
        "truncated": any(len(one) > most for one, most in lists) or affected.count > len(affected.nearest),
    }


def _finding(reading: Reading, one: Finding) -> Item:
    return {
        "code": one.code.value,
        "title": one.code.explanation.title,
        "severity": one.severity.word,
        "message": one.message,
        "object": {"namespace": one.object.namespace, "name": one.object.name},
        "field": one.field,
        "path": [str(key) for key in one.path],
        "candidates": list(one.candidates),
        "page": one.code.page,
        **_place(reading, one.manifest, reading.line_of(one)),
        "related": [
            {"field": field, **_place(reading, number, reading.manifests[number].line_of(field))}
            for number, field in one.related
        ],
    }


def _place(reading: Reading, manifest: int, line: int | None) -> Item:
    """Where something stands; `file` is empty where the text was no file, `line` null where there was no text."""
    return {"manifest": manifest, "file": reading.manifests[manifest].file, "line": line}


def _edge(ends: Ends) -> Item:
    return {"source": str(ends[0]), "target": str(ends[1])}


def _circle(one: Foreseen) -> Item:
    return {
        "severity": one.severity,
        "accepted": one.accepted,
        "member_count": len(one.members),
        "members": [str(key) for key in one.members[:MOST_MEMBERS]],
        "path": [str(key) for key in one.circle[: MOST_MEMBERS + 1]],
        "alerts": list(one.alerts),
        "joined": [str(key) for key in one.joined[:MOST_MEMBERS]],
    }
