"""Writing what a poll has changed: the observations, and the log that tells of each change.

Called by `ingest.polls`; what differs is found by `ingest.comparing`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from servicegraph.model.telemetry import spelled_out
from servicegraph.store import sightings, volumes
from servicegraph.store.facts import OBSERVATIONS, log
from servicegraph.store.sightings import RULES_APART, StoredSighting

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Mapping, Sequence

    import asyncpg

    from servicegraph.ingest.comparing import Changed, Differences
    from servicegraph.store.facts import Stamp

    Connection = asyncpg.Connection[asyncpg.Record]
    Written = Counter[tuple[str, str]]

OBSERVED = "observed"
"""Why a call is there."""
MOVED = "moved"
"""Why it is there no more, and elsewhere: its names are read otherwise."""


async def write_differences(
    conn: Connection, differences: Differences, stamp: Stamp, written: Written
) -> None:
    """Store what differs and log it; `stamp` names the source."""
    provider = stamp.provider
    gone = [one.before.raw_key for one in differences.removed]
    await sightings.remove(conn, provider, gone)
    await sightings.change(conn, provider, [one.after for one in differences.changed])
    if differences.added:
        await sightings.add(conn, provider, ((one, _raw_names(one.raw_key)) for one in differences.added))
    printed = await sightings.printed_ids(conn, differences.services)
    await log(conn, _logged(differences, printed, stamp))
    written["observations", "insert"] += len(differences.added)
    written["observations", "update"] += len(differences.changed)
    written["observations", "delete"] += len(gone)
    written["volumes", "delete"] += await volumes.forget(conn, provider, gone)


def _logged(differences: Differences, printed: Mapping[int, str], stamp: Stamp) -> Iterator[tuple[Any, ...]]:
    """The rows of the log, as `store.facts.log` takes them."""

    def row(kind: str, source: int, target: int, why: str, details: str = "{}") -> tuple[Any, ...]:
        ends = (printed[source], printed[target])
        told = (stamp.provider_name, None, why, details)
        return (stamp.version, stamp.at, kind, OBSERVATIONS.subject, *ends, *told)

    for one in differences.removed:
        gone = one.before
        yield row("removed", gone.source, gone.target, one.reason, _said(gone.raw_key))
    for change in differences.changed:
        before, after = change
        if change.has_moved:
            yield row("removed", before.source, before.target, MOVED, _said(before.raw_key))
            yield row("added", after.source, after.target, MOVED)
        else:
            details = orjson.dumps(_differing(change)).decode()
            yield row("changed", after.source, after.target, _reason(change), details)
    for new in differences.added:
        yield row("added", new.source, new.target, OBSERVED)


def _reason(change: Changed) -> str:
    """The word for the log of what has become of a call."""
    before, after = change
    for word, happened in (
        (MOVED, change.has_moved),
        ("missing", before.absent_since is None and after.absent_since is not None),
        ("returned", before.absent_since is not None and after.absent_since is None),
        ("confirmed", after.confirmed and not before.confirmed),
        ("stale", after.stale and not before.stale),
        ("absent for long", before.alertable and not after.alertable and not after.quarantined),
    ):
        if happened:
            return word
    return "read anew"


def _differing(change: Changed) -> dict[str, Sequence[object]]:
    """What is otherwise, as column: [before, after]; surrogate keys are left out."""
    pairs = zip(StoredSighting._fields, change.before, change.after, strict=True)
    differs: dict[str, Sequence[object]] = {
        name: [before, after]
        for name, before, after in pairs
        if before != after and name not in {"source", "target"}
    }
    if "rules" in differs:
        differs["rules"] = [row.rules.split(RULES_APART) for row in change]
    return differs


def _said(raw_key: str) -> str:
    return f'{{"raw": {_raw_names(raw_key)}}}'


def _raw_names(raw_key: str) -> str:
    return orjson.dumps(spelled_out(raw_key)).decode()
