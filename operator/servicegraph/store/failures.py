"""The driver's errors turned into ours: whether trying again can help is known here and nowhere else.

Postgres says what went wrong by a five-character SQLSTATE (PostgreSQL manual, appendix A). Only what is known to be about a
value is held against the batch: whatever else Postgres says is about the database or this program, and would be said of every
batch alike. Texts are cut and never hold more than Postgres itself says; the cause stays chained.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import asyncpg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from servicegraph.errors import (
    SchemaMissing,
    ServicegraphError,
    SettingsError,
    StoreConflict,
    StoreRefused,
    StoreUnavailable,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 500
"""Characters kept of what the driver says."""

_BY_STATE: tuple[tuple[str, type[ServicegraphError]], ...] = (
    ("42P01", SchemaMissing),  # undefined table
    ("42703", SchemaMissing),  # undefined column
    ("42883", SchemaMissing),  # undefined function
    ("3F000", SchemaMissing),  # invalid schema name
    ("40", StoreConflict),  # serialization failure, deadlock
    ("55P03", StoreConflict),  # lock timeout
    ("21", StoreRefused),  # cardinality: two rows where there may be one
    ("22", StoreRefused),  # data exceptions: NUL, invalid byte sequence, out of range
    ("23", StoreRefused),  # constraints
    ("44", StoreRefused),  # a view's check option
    ("54", StoreRefused),  # program limits: a value too long for an index
    ("P0", StoreRefused),  # raised by a trigger that somebody added
)
"""First that fits; every other state is StoreUnavailable: no connection, no privilege, read-only, disk full, shutdown, …"""


_UNENCODABLE = asyncpg.exceptions._base.DataError  # noqa: SLF001 - a value the driver cannot encode has no public class

_BY_TYPE: tuple[tuple[type[Exception] | tuple[type[Exception], ...], type[ServicegraphError], str], ...] = (
    (asyncpg.ClientConfigurationError, SettingsError, "DATABASE_URL cannot be used: {}"),
    ((UnicodeError, _UNENCODABLE), StoreRefused, "Postgres cannot store a value: {}"),
    (
        PoolTimeout,
        StoreUnavailable,
        "no connection of the pool became free; raise DB_POOL_SIZE, or find what is slow",
    ),
    (
        (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError),
        StoreUnavailable,
        "Postgres cannot be reached: {}",
    ),
    (SQLAlchemyError, StoreUnavailable, "the pool of connections has failed: {}"),
)
"""First that fits: what the driver raises without asking Postgres."""


@contextmanager
def told_apart() -> Iterator[None]:
    """Raise what happens inside as one of our errors; what does not come from the driver passes unchanged."""
    try:
        yield
    except ServicegraphError:
        raise
    except Exception as error:
        if (ours := translated(error)) is None:
            raise
        raise ours from error


def translated(error: BaseException) -> ServicegraphError | None:
    """Our error for the driver's; None for one that is not the driver's."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return translated(error.orig.__cause__ or error.orig)
    if isinstance(error, asyncpg.PostgresError):
        return _by_state(error)
    for kinds, ours, words in _BY_TYPE:
        if isinstance(error, kinds):
            return ours(words.format(_words(error)))
    return None


def _by_state(error: asyncpg.PostgresError) -> ServicegraphError:
    state = error.sqlstate or ""
    kind = next((kind for start, kind in _BY_STATE if state.startswith(start)), StoreUnavailable)
    if kind is SchemaMissing:
        return SchemaMissing(f"{_words(error)}; run `servicegraph migrate`")
    return kind(f"Postgres says: {_words(error)}")


def _words(error: BaseException) -> str:
    return (str(error) or type(error).__name__)[:LONGEST]
