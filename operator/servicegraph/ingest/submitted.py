"""The submissions' part of the one transaction: what is sent over HTTP becomes statements and observations of its provider.

Here stands what is read and written for it, in order; what differs is found by `ingest.posting`. Only rows that differ are
written, so the same submission again writes nothing. Called by `ingest.commit`; nobody else writes meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from servicegraph.errors import RemovalRefused
from servicegraph.ingest.posting import Differences, compare, too_many
from servicegraph.model.submission import Counts, Intent
from servicegraph.store import posted, sightings, write
from servicegraph.store.facts import OBSERVATIONS, STATEMENTS, log
from servicegraph.store.posted import PostedCall, PostedStatement, as_json

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Mapping

    import asyncpg

    from servicegraph.model.ids import ServiceKey
    from servicegraph.model.submission import Submission
    from servicegraph.store.facts import Stamp

    Connection = asyncpg.Connection[asyncpg.Record]
    Written = Counter[tuple[str, str]]

POSTED = "posted"
"""Why something is there, or otherwise than before."""
REPLACED = "left out"
"""Why something is there no more: the provider's full picture shows it not."""
DELETED = "taken back"
"""The same: the provider has said so."""


@dataclass
class Submitted:
    """What a submission has written."""

    services: Counts = field(default_factory=Counts)
    dependencies: Counts = field(default_factory=Counts)
    edges: bool = False
    """Whether an observation is otherwise."""
    loose: set[int] = field(default_factory=set)
    """Services that perhaps nothing names any more."""
    differs: bool = False
    """Whether there has to be a new version."""


async def store_submission(
    conn: Connection, submission: Submission, stamp: Stamp, written: Written
) -> Submitted:
    """Store what `submission` says.

    Args:
        conn: inside the transaction.
        submission: of one provider, of which only what it said itself is touched.
        stamp: version and time of the transaction.
        written: counts the rows.

    Raises:
        RemovalRefused: it would take away too much at once.
    """
    provider = await posted.provider_id(conn, submission.provider)
    said = await _rows(conn, submission, written)
    everything = submission.intent is Intent.REPLACE
    statements_before = calls_before = None
    if provider is not None:
        statements_before = await posted.stored_statements(
            conn, provider, None if everything else said.statements
        )
        calls_before = await posted.stored_calls(conn, provider, None if everything else said.calls)
    statements = compare(statements_before or {}, said.statements, submission.intent)
    calls = compare(calls_before or {}, said.calls, submission.intent)
    if everything:
        before = len(statements_before or ()) + len(calls_before or ())
        refusal = too_many([*statements.removed, *calls.removed], before, submission.max_removal)
        if refusal:
            raise RemovalRefused(refusal)
    result = Submitted(
        statements.counts,
        calls.counts,
        edges=calls.any,
        loose={row.service for row in statements.removed}
        | {end for row in calls.removed for end in (row.source, row.target)},
        differs=statements.any or calls.any,
    )
    if submission.intent is Intent.DELETE:
        absent = len(submission.statements) - statements.counts.removed
        result.services = Counts(removed=statements.counts.removed, absent=absent)
    if result.differs:
        if provider is None:
            provider = await posted.make_provider(conn, submission.provider)
            written["providers", "insert"] += 1
        await _write(conn, provider, submission, statements, calls, stamp)
        await _log(conn, submission, statements, calls, stamp)
        for table, found in (("statements", statements), ("observations", calls)):
            written[table, "insert"] += len(found.added)
            written[table, "update"] += len(found.changed)
            written[table, "delete"] += len(found.removed)
    return result


@dataclass(frozen=True, slots=True)
class _Said:
    """What is sent, as rows."""

    statements: Mapping[int, PostedStatement]
    calls: Mapping[str, PostedCall]


async def _rows(conn: Connection, submission: Submission, written: Written) -> _Said:
    """The records as rows. Services and protocols that they name are made; of what is to go only what is known counts."""
    ends = {end for one in submission.observations for end in (one.source, one.target)}
    named: set[ServiceKey] = {one.service for one in submission.statements} | ends
    words = {one.protocol for one in submission.observations}
    if submission.intent is Intent.DELETE:
        ids = await write.known_service_ids(conn, named)
        calls = {one.raw_key: PostedCall(one.raw_key, 0, 0, 0, 0, 0, "{}") for one in submission.observations}
        known = [ids[one.service] for one in submission.statements if one.service in ids]
        return _Said(
            {number: PostedStatement(number, None, None, None, None, "{}") for number in known}, calls
        )
    ids, new_services = await write.service_ids(conn, named)
    protocols, new_protocols = await write.protocol_ids(conn, words)
    written["services", "insert"] += new_services
    written["protocols", "insert"] += new_protocols
    return _Said(
        {
            ids[one.service]: PostedStatement(
                ids[one.service],
                one.technology,
                one.team,
                one.criticality,
                one.target,
                as_json(one.labels),
            )
            for one in submission.statements
        },
        {
            one.raw_key: PostedCall(
                one.raw_key,
                ids[one.source],
                ids[one.target],
                protocols[one.protocol],
                int(one.mode),
                int(one.requirement),
                as_json(one.details),
            )
            for one in submission.observations
        },
    )


async def _write(
    conn: Connection,
    provider: int,
    submission: Submission,
    statements: Differences[PostedStatement],
    calls: Differences[PostedCall],
    stamp: Stamp,
) -> None:
    raw = {one.raw_key: as_json(one.raw) for one in submission.observations}
    await posted.remove_statements(conn, provider, [row.service for row in statements.removed])
    await sightings.remove(conn, provider, [row.raw_key for row in calls.removed])
    await posted.change_statements(conn, provider, [after for _, after in statements.changed])
    await posted.change_calls(conn, provider, [after for _, after in calls.changed])
    await posted.add_statements(conn, provider, statements.added)
    await posted.add_calls(conn, provider, [(row, raw[row.raw_key]) for row in calls.added], stamp.at)


async def _log(
    conn: Connection,
    submission: Submission,
    statements: Differences[PostedStatement],
    calls: Differences[PostedCall],
    stamp: Stamp,
) -> None:
    """Log each difference."""
    services = {row.service for row in _touched(statements)}
    services |= {end for row in _touched(calls) for end in (row.source, row.target)}
    printed = await sightings.printed_ids(conn, services)
    why = DELETED if submission.intent is Intent.DELETE else REPLACED

    def rows() -> Iterator[tuple[Any, ...]]:
        for facts, found in ((STATEMENTS, statements), (OBSERVATIONS, calls)):
            for kind, reason, listed in (
                ("removed", why, [(row, {}) for row in found.removed]),
                ("changed", POSTED, [(after, _differing(before, after)) for before, after in found.changed]),
                ("added", POSTED, [(row, {}) for row in found.added]),
            ):
                for row, details in listed:
                    ends = _ends(row, printed)
                    text = orjson.dumps(details).decode()
                    yield (
                        stamp.version,
                        stamp.at,
                        kind,
                        facts.subject,
                        *ends,
                        submission.provider,
                        None,
                        reason,
                        text,
                    )

    await log(conn, rows())


def _touched(found: Differences[Any]) -> Iterator[Any]:
    yield from found.added
    yield from found.removed
    yield from (after for _, after in found.changed)


def _ends(row: PostedStatement | PostedCall, printed: Mapping[int, str]) -> tuple[str, str | None]:
    if isinstance(row, PostedStatement):
        return printed[row.service], None
    return printed[row.source], printed[row.target]


def _differing(before: Any, after: Any) -> dict[str, list[Any]]:
    """What is otherwise, as column: [before, after]."""
    said = zip(before._fields, before, after, strict=True)
    return {name: [_word(name, old), _word(name, new)] for name, old, new in said if old != new}


def _word(column: str, value: Any) -> Any:
    return orjson.loads(value) if column in {"labels", "details"} else value
