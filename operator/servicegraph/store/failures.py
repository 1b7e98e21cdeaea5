"""The driver's errors turned into ours: whether trying again can help is known here and nowhere else.

Postgres says what went wrong by a five-character SQLSTATE (PostgreSQL manual, appendix A). Texts are cut and never hold more
than Postgres itself says; the cause stays chained.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import asyncpg
from sqlalchemy.exc import DBAPIError
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
    ("22", StoreRefused),  # data exceptions: NUL, invalid byte sequence, out of range
    ("23", StoreRefused),  # constraints
    ("54", StoreRefused),  # program limits: a value too long for an index
    ("08", StoreUnavailable),  # connection exceptions
    ("25006", StoreUnavailable),  # read-only server
    ("25P03", StoreUnavailable),  # cut off while idle in a transaction
    ("28", StoreUnavailable),  # authentication
    ("3D000", StoreUnavailable),  # no such database
    ("42501", StoreUnavailable),  # missing privilege
    ("53", StoreUnavailable),  # out of connections, memory, disk
    ("55", StoreUnavailable),  # object not in prerequisite state
    ("57", StoreUnavailable),  # shutdown, crash, starting up, cancelled by a time-out
    ("58", StoreUnavailable),  # system error
    ("XX", StoreUnavailable),  # internal error, corruption
)


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
)
"""First that fits: what the driver raises without asking Postgres."""


@contextmanager
def told_apart() -> Iterator[None]:
    """Raise what happens inside as one of our errors; what is nobody's fault but ours passes unchanged."""
    try:
        yield
    except ServicegraphError:
        raise
    except Exception as error:
        if (ours := translated(error)) is None:
            raise
        raise ours from error


def translated(error: BaseException) -> ServicegraphError | None:
    """Our error for the driver's; None for one that shows a mistake in this program."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return translated(error.orig.__cause__ or error.orig)
    if isinstance(error, asyncpg.PostgresError):
        return _by_state(error)
    for kinds, ours, words in _BY_TYPE:
        if isinstance(error, kinds):
            return ours(words.format(_words(error)))
    return None


def _by_state(error: asyncpg.PostgresError) -> ServicegraphError | None:
    state = error.sqlstate or ""
    kind = next((kind for start, kind in _BY_STATE if state.startswith(start)), None)
    if kind is None:
        return None
    if kind is SchemaMissing:
        return SchemaMissing(f"{_words(error)}; run `servicegraph migrate`")
    return kind(f"Postgres says: {_words(error)}")


def _words(error: BaseException) -> str:
    return (str(error) or type(error).__name__)[:LONGEST]
