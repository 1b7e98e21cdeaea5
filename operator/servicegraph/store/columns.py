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

NO_OBJECT = 0
"""Stands for the object of what no object says."""

# SQL of each column, its width on the wire, in the order of the fields of `ObservationColumns`.
_COLUMNS = {
    "source": ("source", ">i4"),
    "target": ("target", ">i4"),
    "provider": ("provider", ">i2"),
    "object": (f"COALESCE(object, {NO_OBJECT})", ">i4"),
    "evidence": ("evidence", ">i2"),
    "mode": ("mode", ">i2"),
    "requirement": ("requirement", ">i2"),
    "present": ("absent_since IS NULL", "i1"),
    "confirmed": ("confirmed", "i1"),
    "stale": ("stale", "i1"),
    "quarantined": ("quarantined", "i1"),
    "alertable": ("alertable", "i1"),
    "accepted": ("accepted", "i1"),
    # Most have no such key: asking for it first takes half the time, and of null makes false.
    "optional": ("details ? 'observation' AND details ->> 'observation' = 'Optional'", "i1"),
    "protocol": ("protocol", ">i4"),
    "first_seen": ("first_seen", ">i8"),
    "last_seen": ("COALESCE(last_seen, '-infinity')", ">i8"),
}
_FLAGS = ("present", "confirmed", "stale", "quarantined", "alertable", "accepted", "optional")
"""From the lowest bit of `model.vocabulary.Flag` up."""

QUERY = f"SELECT {', '.join(sql for sql, _ in _COLUMNS.values())} FROM observations"  # noqa: S608 - constants only

AMONG = f"{QUERY} WHERE source = ANY($1::int[]) AND target = ANY($1::int[])"
"""Only between some services, given by their keys."""

ALERTABLE_PAIRS = "SELECT source, target FROM observations WHERE alertable AND NOT quarantined"
"""The ends of what may raise an alert; an edge may exactly when one of its observations may (`graph.merge`)."""

_ROW = np.dtype(
    [("fields", ">i2")]
    + [part for name, (_, wire) in _COLUMNS.items() for part in ((f"{name}_length", ">i4"), (name, wire))]
)
_PAIR = np.dtype(
    [("fields", ">i2"), ("_", ">i4"), ("source", ">i4"), ("__", ">i4"), ("target", ">i4")],
)
_SIGNATURE = b"PGCOPY\n\xff\r\n\x00"
_HEADER = len(_SIGNATURE) + 8
_TRAILER = b"\xff\xff"
_UNIX_EPOCH = 946_684_800_000_000
"""Microseconds from the Unix epoch to that of Postgres, 2000-01-01."""
_SMALL = 1 << 20
"""A table of so many positions costs nothing worth saving."""


async def copied(conn: asyncpg.Connection[asyncpg.Record], query: str = QUERY, *values: Any) -> bytes:
    """The rows of observations, as Postgres sends them: all, or those of another of the queries above."""
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
    rows = _rows(copy, _ROW, len(_COLUMNS))
    flags = np.zeros(len(rows), np.uint8)
    for bit, name in enumerate(_FLAGS):
        flags |= rows[name].view(np.uint8) << np.uint8(bit)
    last_seen = rows["last_seen"].astype(np.int64)
    return ObservationColumns(
        source=_positions(services, rows["source"]),
        target=_positions(services, rows["target"]),
        provider=_positions(providers, rows["provider"]).astype(np.int16),
        rank=_positions(objects, rows["object"]),
        evidence=rows["evidence"].astype(np.int8),
        mode=rows["mode"].astype(np.int8),
        requirement=rows["requirement"].astype(np.int8),
        flags=flags,
        protocol=_positions(protocols, rows["protocol"]),
        first_seen=rows["first_seen"].astype(np.int64) + _UNIX_EPOCH,
        # Postgres' -infinity is the same number as NEVER.
        last_seen=np.where(last_seen == NEVER, NEVER, last_seen + _UNIX_EPOCH),
    )


def pairs(copy: bytes) -> tuple[Ids, Ids]:
    """Source and target, as surrogate keys, of each row that `ALERTABLE_PAIRS` has brought.

    Raises:
        StoreUnavailable: the stream is not what was asked for.
    """
    rows = _rows(copy, _PAIR, 2)
    return rows["source"].astype(np.int32), rows["target"].astype(np.int32)


def objects_of(copy: bytes) -> tuple[Ids, Ids]:
    """The objects that say what `copied` returned: those that speak alone, and those whose edge has several observations.

    Only among the second does it matter which is older.
    """
    rows = _rows(copy, _ROW, len(_COLUMNS))
    edge = rows["source"].astype(np.int64) << 32 | rows["target"]
    order = np.argsort(edge)
    again = np.flatnonzero(np.diff(edge[order]) == 0)
    several = np.unique(rows["object"][order[np.concatenate((again, again + 1))]])
    return (
        np.setdiff1d(rows["object"], np.append(several, NO_OBJECT)).astype(np.int32),
        several[several != NO_OBJECT].astype(np.int32),
    )


def _rows(copy: bytes, row: np.dtype[Any], fields: int) -> npt.NDArray[Any]:
    body = len(copy) - _HEADER - len(_TRAILER)
    if not copy.startswith(_SIGNATURE) or not copy.endswith(_TRAILER) or body % row.itemsize:
        raise StoreUnavailable("Postgres has sent observations in a form that cannot be read")
    rows = np.frombuffer(copy, row, body // row.itemsize, _HEADER)
    if (rows["fields"] != fields).any():
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
