"""All observations as columns: Postgres' binary COPY read by numpy, without a Python object for any row.

Every column copied is fixed in width and never null, so that each row has the same length and the whole stream is one array
(format: PostgreSQL manual, COPY, "Binary Format"). `store.snapshot` calls this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from servicegraph.errors import StoreUnavailable
from servicegraph.graph.columns import NEVER, ObservationColumns

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg
    import numpy.typing as npt

    Ids = npt.NDArray[np.int32]
    Fields = list[tuple[str, str]]

NO_OBJECT = 0
"""Stands for the object of what no object says."""

# From the lowest bit of `model.vocabulary.Flag` up.
_FLAGS = (
    "absent_since IS NULL",
    "confirmed",
    "stale",
    "quarantined",
    "alertable",
    "accepted",
    # Most have no such key: asking for it first takes half the time, and of null makes false.
    "details ? 'observation' AND details ->> 'observation' = 'Optional'",
)
# Each column takes its time on the wire, however narrow it is: so what fits into a byte shares one number.
_BYTES = " | ".join(
    (
        "(requirement::integer << 24)",
        "(mode::integer << 16)",
        "(evidence::integer << 8)",
        *(f"(({flag})::integer << {bit})" for bit, flag in enumerate(_FLAGS)),
    )
)
# SQL of each column, and what it is on the wire.
_COLUMNS: tuple[tuple[str, Fields], ...] = (
    ("source", [("source", ">i4")]),
    ("target", [("target", ">i4")]),
    ("provider", [("provider", ">i2")]),
    (f"COALESCE(object, {NO_OBJECT})", [("object", ">i4")]),
    (_BYTES, [("requirement", "i1"), ("mode", "i1"), ("evidence", "i1"), ("flags", "u1")]),
    ("protocol", [("protocol", ">i4")]),
    ("first_seen", [("first_seen", ">i8")]),
    ("COALESCE(last_seen, '-infinity')", [("last_seen", ">i8")]),
)

QUERY = f"SELECT {', '.join(sql for sql, _ in _COLUMNS)} FROM observations"  # noqa: S608 - constants only

AMONG = f"{QUERY} WHERE source = ANY($1::int[]) AND target = ANY($1::int[])"
"""Only between some services, given by their keys."""

_ALERTABLE_PAIRS = """
SELECT string_agg(int8send((source::bigint << 32) | target), '') FROM observations WHERE alertable AND NOT quarantined
"""

_ROW = np.dtype(
    [("fields", ">i2")]
    + [part for at, (_, wire) in enumerate(_COLUMNS) for part in ((f"length_{at}", ">i4"), *wire)]
)
_SIGNATURE = b"PGCOPY\n\xff\r\n\x00"
_HEADER = len(_SIGNATURE) + 8
_TRAILER = b"\xff\xff"
_UNIX_EPOCH = 946_684_800_000_000
"""Microseconds from the Unix epoch to that of Postgres, 2000-01-01."""
_SMALL = 1 << 20
"""A table of so many positions costs nothing worth saving."""


async def copied(conn: asyncpg.Connection[asyncpg.Record], query: str = QUERY, *values: Any) -> bytes:
    """The rows of observations, as Postgres sends them: all, or with `AMONG` those between some services."""
    parts: list[bytes] = []

    async def collect(part: bytes) -> None:
        parts.append(bytes(part))

    await conn.copy_from_query(query, *values, output=collect, format="binary")
    return b"".join(parts)


def decoded(
    copy: bytes, *, services: Ids, providers: Ids, protocols: Ids, objects: Ids
) -> ObservationColumns:
    """The columns, with surrogate keys replaced by positions.

    Args:
        copy: what `copied` returned.
        services: keys in the order of the nodes.
        providers: keys in the order of the providers.
        protocols: keys in the order of the protocols.
        objects: keys in the order of precedence, `NO_OBJECT` and then the oldest object first.

    Raises:
        StoreUnavailable: the stream is not what was asked for.
    """
    rows = _rows(copy)
    last_seen = rows["last_seen"].astype(np.int64)
    return ObservationColumns(
        source=_positions(services, rows["source"]),
        target=_positions(services, rows["target"]),
        provider=_positions(providers, rows["provider"]).astype(np.int16),
        rank=_positions(objects, rows["object"]),
        evidence=rows["evidence"].astype(np.int8),
        mode=rows["mode"].astype(np.int8),
        requirement=rows["requirement"].astype(np.int8),
        flags=rows["flags"].astype(np.uint8),
        protocol=_positions(protocols, rows["protocol"]),
        first_seen=rows["first_seen"].astype(np.int64) + _UNIX_EPOCH,
        # Postgres' -infinity is the same number as NEVER.
        last_seen=np.where(last_seen == NEVER, NEVER, last_seen + _UNIX_EPOCH),
    )


async def alertable_pairs(conn: asyncpg.Connection[asyncpg.Record]) -> tuple[Ids, Ids]:
    """The ends, as surrogate keys, of what may raise an alert: an edge may exactly when one of its observations may.

    All in one value, which takes half the time that as many rows take.
    """
    ends = np.frombuffer(await conn.fetchval(_ALERTABLE_PAIRS) or b"", ">i4").astype(np.int32)
    return ends[::2], ends[1::2]


def objects_of(copy: bytes) -> tuple[Ids, Ids]:
    """The objects that say what `copied` returned: those that speak alone, and those whose edge has several observations.

    Only among the second does it matter which is older.
    """
    rows = _rows(copy)
    edge = rows["source"].astype(np.int64) << 32 | rows["target"]
    order = np.argsort(edge)
    again = np.flatnonzero(np.diff(edge[order]) == 0)
    several = np.unique(rows["object"][order[np.concatenate((again, again + 1))]])
    return (
        np.setdiff1d(rows["object"], np.append(several, NO_OBJECT)).astype(np.int32),
        several[several != NO_OBJECT].astype(np.int32),
    )


def _rows(copy: bytes) -> npt.NDArray[Any]:
    body = len(copy) - _HEADER - len(_TRAILER)
    if not copy.startswith(_SIGNATURE) or not copy.endswith(_TRAILER) or body % _ROW.itemsize:
        raise StoreUnavailable("Postgres has sent observations in a form that cannot be read")
    rows = np.frombuffer(copy, _ROW, body // _ROW.itemsize, _HEADER)
    if (rows["fields"] != len(_COLUMNS)).any():
        raise StoreUnavailable("Postgres has sent observations with other columns than were asked for")
    return rows


def _positions(keys: Ids, wanted: npt.NDArray[Any]) -> Ids:
    """Where in `keys` each wanted key stands.

    Raises:
        StoreUnavailable: a key refers to nothing.
    """
    largest = int(keys.max(initial=0))
    if largest < 4 * len(keys) + _SMALL:
        place = np.full(largest + 1, -1, np.int32)
        place[keys] = np.arange(len(keys), dtype=np.int32)
        found = place.take(wanted, mode="clip")
        known = bool((found >= 0).all()) and int(wanted.max(initial=0)) <= largest
    else:
        # Keys are given once, so after years of comings and goings they are few among many: search instead of a table.
        order = np.argsort(keys).astype(np.int32)
        found = order.take(np.searchsorted(keys, wanted, sorter=order), mode="clip")
        known = bool((keys[found] == wanted).all())
    if not known:
        raise StoreUnavailable(
            "observations refer to rows that are not there; restore the database from a backup"
        )
    return found


def keys_of(rows: Sequence[asyncpg.Record]) -> Ids:
    """The surrogate keys of rows, in their order."""
    return np.fromiter((row["id"] for row in rows), np.int32, len(rows))
