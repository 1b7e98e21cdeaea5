"""The tables of alerts and of their transitions: rows to values and back.

`ingest.alerts` has them written in the one transaction; `store.snapshot` reads the alerts with the graph that they belong to.
Transitions wait here until their Events are written: who writes those reads what is not announced, and has a commit mark it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from servicegraph.model.alert import (
    Acknowledgement,
    Alert,
    AlertReason,
    AlertState,
    Cut,
    Severity,
    Transition,
    TransitionKind,
    TransitionRecord,
)
from servicegraph.model.ids import parse_id
from servicegraph.store.engine import row_count, transaction

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    import asyncpg
    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.model.alert import TransitionKey
    from servicegraph.model.ids import ServiceKey

    Connection = asyncpg.Connection[asyncpg.Record]
    Keys = tuple[ServiceKey, ...]

_COLUMNS = (
    "name",
    "state",
    "reason",
    "severity",
    "members",
    "members_when_resolved",
    "witness",
    "cut",
    "cut_size",
    "accepted",
    "shape",
    "opened_at",
    "opened_version",
    "resolved_at",
    "resolved_version",
    "split_from",
    "merged_into",
    "ack_generation",
    "ack_reason",
    "ack_by",
    "ack_until",
    "ack_members",
    "ack_ended",
)
_LISTED = ", ".join(_COLUMNS)
_UPSERT = f"""
INSERT INTO alerts ({_LISTED}) VALUES ({", ".join(f"${number}" for number in range(1, len(_COLUMNS) + 1))})
ON CONFLICT (name) DO UPDATE SET {", ".join(f"{column} = EXCLUDED.{column}" for column in _COLUMNS[1:])}
"""  # noqa: S608 - names of our own columns
_TOLD = "SELECT alert, version, kind, reason, message, at, announced FROM transitions"
_ORDER = list(TransitionKind)


async def kept(conn: Connection) -> list[Alert]:
    """All alerts, the resolved ones too, by name."""
    return [_alert(row) for row in await conn.fetch(f"SELECT {_LISTED} FROM alerts ORDER BY name")]  # noqa: S608 - names of our own columns


async def write(conn: Connection, alerts: Sequence[Alert]) -> None:
    """Store alerts that are new or differ from how they are stored."""
    if alerts:
        await conn.executemany(_UPSERT, [_values(alert) for alert in alerts])


async def forget(conn: Connection, names: Collection[str]) -> None:
    """Delete alerts, and with each what happened to it."""
    if names:
        await conn.execute("DELETE FROM transitions WHERE alert = ANY($1::text[])", list(names))
        await conn.execute("DELETE FROM alerts WHERE name = ANY($1::text[])", list(names))


async def tell(conn: Connection, transitions: Sequence[Transition], at: datetime) -> None:
    """Append what has happened to alerts.

    Raises:
        asyncpg.UniqueViolationError: it is told already.
    """
    if transitions:
        await conn.copy_records_to_table(
            "transitions",
            records=[(one.alert, one.version, one.kind, at, one.reason, one.message) for one in transitions],
            columns=("alert", "version", "kind", "at", "reason", "message"),
        )


async def announce(conn: Connection, keys: Sequence[TransitionKey]) -> int:
    """Note that the Events of these transitions are written; returns for how many that is news."""
    if not keys:
        return 0
    done = await conn.execute(
        """
        UPDATE transitions t SET announced = true
        FROM unnest($1::text[], $2::bigint[], $3::text[]) AS listed (alert, version, kind)
        WHERE (t.alert, t.version, t.kind) = (listed.alert, listed.version, listed.kind) AND NOT t.announced
        """,
        *([key[at] for key in keys] for at in range(3)),
    )
    return row_count(done)


async def unannounced(engine: AsyncEngine) -> list[TransitionRecord]:
    """What happened and has no Event yet, in the order in which it happened.

    Raises:
        StoreUnavailable: Postgres cannot be reached or cannot serve now.
        SchemaMissing: the tables are not there.
    """
    async with transaction(engine, read_only=True) as conn:
        return _records(await conn.fetch(f"{_TOLD} WHERE NOT announced"))


async def history(engine: AsyncEngine, name: str) -> list[TransitionRecord]:
    """Everything that happened to one alert, in the order in which it happened; empty where there is none of that name.

    Raises:
        StoreUnavailable: Postgres cannot be reached or cannot serve now.
        SchemaMissing: the tables are not there.
    """
    async with transaction(engine, read_only=True) as conn:
        return _records(await conn.fetch(f"{_TOLD} WHERE alert = $1", name))


def _records(rows: Iterable[asyncpg.Record]) -> list[TransitionRecord]:
    found = [
        TransitionRecord(
            Transition(
                row["alert"],
                row["version"],
                TransitionKind(row["kind"]),
                AlertReason(row["reason"]),
                row["message"],
            ),
            row["at"],
            row["announced"],
        )
        for row in rows
    ]
    return sorted(found, key=_told_order)


def _told_order(record: TransitionRecord) -> tuple[int, str, int]:
    one = record.transition
    return one.version, one.alert, _ORDER.index(one.kind)


def _values(alert: Alert) -> tuple[Any, ...]:
    said = alert.acknowledgement
    return (
        alert.name,
        alert.state,
        alert.reason,
        alert.severity,
        _printed(alert.members),
        _printed(alert.members_when_resolved),
        _printed(alert.witness),
        orjson.dumps([[str(one.source), str(one.target), one.reason] for one in alert.cut]).decode(),
        alert.cut_size,
        alert.accepted,
        alert.shape,
        alert.opened_at,
        alert.opened_version,
        alert.resolved_at,
        alert.resolved_version,
        alert.split_from,
        alert.merged_into,
        *(
            (said.generation, said.reason, said.by, said.until, _printed(said.members), said.ended)
            if said
            else (None,) * 6
        ),
    )


def _alert(row: asyncpg.Record) -> Alert:
    return Alert(
        name=row["name"],
        state=AlertState(row["state"]),
        reason=AlertReason(row["reason"]),
        severity=Severity(row["severity"]),
        members=_keys(row["members"]),
        members_when_resolved=_keys(row["members_when_resolved"]),
        witness=_keys(row["witness"]),
        cut=tuple(Cut(parse_id(source), parse_id(target), reason) for source, target, reason in row["cut"]),
        acknowledgement=_acknowledgement(row),
        **{column: row[column] for column in _PLAIN},
    )


_PLAIN = _COLUMNS[_COLUMNS.index("cut_size") : _COLUMNS.index("ack_generation")]
"""The columns whose values are those of the field of that name."""


def _acknowledgement(row: asyncpg.Record) -> Acknowledgement | None:
    if row["ack_generation"] is None:
        return None
    ended = row["ack_ended"]
    return Acknowledgement(
        row["ack_generation"],
        row["ack_reason"],
        row["ack_by"],
        row["ack_until"],
        _keys(row["ack_members"]),
        AlertReason(ended) if ended is not None else None,
    )


def _printed(keys: Keys) -> list[str]:
    return [str(key) for key in keys]


def _keys(printed: Sequence[str]) -> Keys:
    return tuple(map(parse_id, printed))
