"""What several objects say about one service or one call, where they do not all say the same: the input of `graph.conflicts`.

Rare, so it costs a snapshot next to nothing: services that two objects are about are found among the statements, and only for
those is more read. An edge can be declared twice only where its source is such a service. Called by `store.snapshot`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicegraph.graph.conflicts import Claim
from servicegraph.model.vocabulary import Mode, Requirement

if TYPE_CHECKING:
    import asyncpg

    Connection = asyncpg.Connection[asyncpg.Record]


def _word(column: str, words: type[Mode | Requirement]) -> str:
    """SQL of the word that a number in `column` stands for; null for nothing said."""
    return f"(ARRAY[{', '.join(repr(one.word) for one in words if one)}])[{column}]"


_SHARED = "SELECT service FROM statements WHERE object IS NOT NULL GROUP BY service HAVING count(*) > 1"
"""Services that several objects are about."""

# A description is prose, and any acceptance of a circle counts beside any other: in these nobody contradicts anybody.
_DIFFERING = f"""
WITH claims AS (
    SELECT s.object, v.printed AS subject, jsonb_strip_nulls(jsonb_build_object(
        'technology', s.technology,
        'team', s.team,
        'criticality', s.criticality,
        'availabilityTarget', s.target,
        'labels', NULLIF(s.labels, '{{}}')
    )) AS said
    FROM statements s JOIN services v ON v.id = s.service
    WHERE s.service = ANY($1::int[]) AND s.object IS NOT NULL
    UNION ALL
    SELECT b.object, v.printed || ' → ' || t.printed, jsonb_strip_nulls(jsonb_build_object(
        'protocol', NULLIF(p.name, ''),
        'mode', {_word("b.mode", Mode)},
        'requirement', {_word("b.requirement", Requirement)},
        'timeout', b.details -> 'timeout',
        'retry.maxAttempts', b.details #> '{{retry,maxAttempts}}',
        'retry.backoff', b.details #> '{{retry,backoff}}',
        'expectedInterval', b.details -> 'expectedInterval',
        'observation', b.details -> 'observation'
    ))
    FROM observations b
    JOIN services v ON v.id = b.source JOIN services t ON t.id = b.target JOIN protocols p ON p.id = b.protocol
    WHERE b.source = ANY($1::int[]) AND b.object IS NOT NULL
), judged AS (
    SELECT *, min(said::text) OVER one_subject <> max(said::text) OVER one_subject AS differs
    FROM claims WINDOW one_subject AS (PARTITION BY subject)
)
SELECT o.uid, o.namespace || '/' || o.name, subject, said
FROM judged JOIN objects o ON o.id = judged.object
WHERE differs ORDER BY subject, o.created_at, o.namespace, o.name, o.uid
"""  # noqa: S608 - words of the vocabulary only


async def differing_claims(conn: Connection) -> list[Claim]:
    """All claims about a subject on which objects differ, by subject and then by age of the object."""
    shared = [row["service"] for row in await conn.fetch(_SHARED)]
    if not shared:
        return []
    return [Claim(*row) for row in await conn.fetch(_DIFFERING, shared)]
