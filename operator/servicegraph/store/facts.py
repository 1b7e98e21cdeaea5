"""The tables of facts, statements and observations: replacing what objects said by what they say now, as sets.

An object states all of its facts anew each time. They are staged (COPY into a temporary table of the same shape) and compared
with what is stored by anti-joins, so that only rows that differ are written: the same facts again write nothing. Each row that
was added, changed or removed is appended to `changes`. Called by `ingest.commit`, in its transaction and under its lock; the
SQL stands in `store.restating`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from servicegraph.store import restating
from servicegraph.store.engine import row_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    import asyncpg

    Connection = asyncpg.Connection[asyncpg.Record]


@dataclass(frozen=True, slots=True)
class Scope:
    """One object whose facts are restated; one that is gone states none."""

    object: int
    name: str
    """`namespace/name`, for the log of changes."""
    reason: str
    """Why a fact that it no longer states goes."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What every row of one transaction's log shares."""

    version: int
    at: datetime
    provider: int
    provider_name: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What restating facts has written."""

    added: int
    changed: int
    removed: int
    loose: frozenset[int]
    """Services that lost a fact: perhaps nothing names them any more."""


LOG_COLUMNS = (
    "version",
    "at",
    "kind",
    "subject",
    "source",
    "target",
    "provider",
    "object",
    "reason",
    "details",
)

NOTHING = Outcome(0, 0, 0, frozenset())


@dataclass(frozen=True)
class Facts:
    """One table of facts; one fact is identified by provider, object and `key`."""

    table: str
    subject: str
    """What the log of changes calls it: node or edge."""
    key: str
    source: str
    target: str | None
    """Columns of the services at its ends; a statement has one end."""
    compared: tuple[str, ...]
    """Columns in which a fact may differ; if one does, there is a new graph version."""
    kept: tuple[str, ...] = ()
    """Columns written when a fact is new, and kept from then on."""

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns to stage, in order."""
        return tuple(dict.fromkeys(("provider", "object", self.key, *self.compared, *self.kept)))

    @property
    def staging(self) -> str:
        """The temporary table of the same shape, one a connection, empty outside of transactions."""
        return f"incoming_{self.table}"

    async def append(self, conn: Connection, rows: Iterable[tuple[Any, ...]]) -> int:
        """Store `rows`, all that some objects say which have said nothing before; returns how many.

        Nothing can differ, so nothing is compared: a first synchronisation is hardly slower than COPY. The caller logs them.

        Raises:
            asyncpg.PostgresError: a value is refused, or two facts of one object have the same key.
        """
        return row_count(await conn.copy_records_to_table(self.table, records=rows, columns=self.columns))

    async def restate(
        self, conn: Connection, rows: Iterable[tuple[Any, ...]], scope: Sequence[Scope], stamp: Stamp
    ) -> Outcome:
        """Make `rows` all that the objects of `scope` say, writing only what differs.

        Args:
            conn: inside a transaction.
            rows: in the order of `columns`, of objects of `scope` alone.
            scope: every object whose facts are restated.
            stamp: for the log of changes.

        Raises:
            asyncpg.PostgresError: a value is refused, or two facts of one object have the same key.
        """
        if not scope:
            return NOTHING
        await self._stage(conn, rows)
        values = self._values(scope, stamp)
        removed = await conn.fetch(restating.REMOVE.format_map(self._names), *values)
        changed = await conn.fetch(restating.CHANGE.format_map(self._names), *values)
        added = await conn.execute(restating.ADD.format_map(self._names), *values)
        loose = {end for row in (*removed, *changed) for end in row if end is not None}
        return Outcome(row_count(added), len(changed), len(removed), frozenset(loose))

    def _values(self, scope: Sequence[Scope], stamp: Stamp) -> tuple[Any, ...]:
        """The parameters that all statements of `store.restating` share."""
        return (
            [one.object for one in scope],
            [one.name for one in scope],
            [one.reason for one in scope],
            stamp.version,
            stamp.at,
            stamp.provider,
            stamp.provider_name,
            self.subject,
        )

    async def _stage(self, conn: Connection, rows: Iterable[tuple[Any, ...]]) -> None:
        if await conn.fetchval("SELECT to_regclass('pg_temp.' || $1::text) IS NULL", self.staging):
            await conn.execute(restating.STAGING.format_map(self._names))
        await conn.copy_records_to_table(self.staging, records=rows, columns=self.columns)

    @cached_property
    def _names(self) -> dict[str, str]:
        """Names of tables and columns for the SQL: constants of this module, never input."""

        def listed(form: str, columns: tuple[str, ...]) -> str:
            return ", ".join(form.format(column) for column in columns)

        return {
            "scope": restating.SCOPE,
            "log": restating.LOG,
            "facts": self.table,
            "staging": self.staging,
            "key": self.key,
            "source": self.source,
            "old_target": f"o.{self.target}" if self.target else "NULL::integer",
            "new_target": f"d.{self.target}" if self.target else "NULL::integer",
            "surrogates": listed(
                "'{}'", ("provider", "object", self.source, *([self.target] if self.target else []))
            ),
            "columns": listed("{}", self.columns),
            "staged": listed("i.{}", self.columns),
            "assignments": listed("{0} = d.{0}", self.compared),
            "stored": listed("o.{}", self.compared),
            "said": listed("i.{}", self.compared),
            "compared": listed("'{}'", self.compared),
        }


async def log(conn: Connection, rows: Iterable[tuple[Any, ...]]) -> None:
    """Append to the log of changes; `rows` in the order of `LOG_COLUMNS`, details as JSON text."""
    await conn.copy_records_to_table("changes", records=rows, columns=LOG_COLUMNS)


STATEMENTS = Facts(
    "statements",
    subject="node",
    key="service",
    source="service",
    target=None,
    compared=("technology", "team", "criticality", "target", "labels"),
)

OBSERVATIONS = Facts(
    "observations",
    subject="edge",
    key="raw_key",
    source="source",
    target="target",
    compared=(
        "source",
        "target",
        "evidence",
        "protocol",
        "mode",
        "requirement",
        "confirmed",
        "stale",
        "quarantined",
        "alertable",
        "accepted",
        "accepted_until",
        "raw",
        "details",
        "rules",
    ),
    kept=("first_seen",),
)
