"""Bringing the database to the schema that this version needs, and saying when it has another.

The migrations themselves lie in `migrations/` (Alembic), time-outs and the lock between two migrators in its `env.py`. Called
by `servicegraph migrate`, the local environment and tests; `check` by everything that starts to use a database.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from servicegraph import bundle
from servicegraph.errors import SchemaMissing
from servicegraph.store.engine import open_engine, transaction
from servicegraph.store.failures import told_apart

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")

LOCK_TIMEOUT = "10s"
"""How long a migration waits for a table: everyone who comes later waits behind it."""


def expected() -> str:
    """The revision that this version of servicegraph needs."""
    revision = _scripts().get_current_head()
    assert revision is not None
    return revision


def current(url: str) -> str | None:
    """The revision of the database; None when it is empty of our tables.

    Raises:
        StoreUnavailable: Postgres cannot be reached.
    """
    return _run(url, lambda connection: MigrationContext.configure(connection).get_current_revision())


def upgrade(url: str, *, lock_timeout: str = LOCK_TIMEOUT) -> None:
    """Bring the database to `expected()`; does nothing when it is there already. Not to be called from a running event loop.

    Raises:
        StoreConflict: others held a table for `lock_timeout`; nothing was changed by the migration that met them.
        SchemaMissing: a newer servicegraph has migrated the database.
        StoreUnavailable: Postgres cannot be reached.
    """
    _run(url, lambda connection: _move(command.upgrade, connection, "head", lock_timeout))


def downgrade(url: str, revision: str = "base", *, lock_timeout: str = LOCK_TIMEOUT) -> None:
    """Take the database back to `revision`; data that the older schema has no place for is lost.

    Raises:
        StoreConflict: others held a table for `lock_timeout`; nothing was changed by the migration that met them.
        SchemaMissing: a newer servicegraph has migrated the database.
        StoreUnavailable: Postgres cannot be reached.
    """
    _run(url, lambda connection: _move(command.downgrade, connection, revision, lock_timeout))


async def check(engine: AsyncEngine) -> None:
    """See that the database has the schema this version needs.

    Raises:
        SchemaMissing: it has not; says what to do.
        StoreUnavailable: Postgres cannot be reached.
    """
    async with transaction(engine, read_only=True) as conn:
        exists = await conn.fetchval("SELECT to_regclass('alembic_version') IS NOT NULL")
        found = await conn.fetchval("SELECT version_num FROM alembic_version") if exists else None
    if found != expected():
        raise SchemaMissing(_what_to_do(found))


def _what_to_do(found: str | None) -> str:
    if found is None:
        return "the database is empty: run `servicegraph migrate`"
    if found not in {script.revision for script in _scripts().walk_revisions()}:
        return f"a newer servicegraph has migrated the database (to {found}): install that version, or restore a backup"
    return (
        f"the database has revision {found}, this servicegraph needs {expected()}: run `servicegraph migrate`"
    )


def _move(
    direction: Callable[[Config, str], None], connection: Connection, revision: str, lock_timeout: str
) -> None:
    _refuse_newer(connection)
    config = Config()
    config.set_main_option("script_location", str(bundle.folder("migrations")).replace("%", "%%"))
    config.attributes.update(connection=connection, lock_timeout=lock_timeout)
    direction(config, revision)


def _refuse_newer(connection: Connection) -> None:
    found = MigrationContext.configure(connection).get_current_revision()
    connection.rollback()
    if found is not None and found not in {script.revision for script in _scripts().walk_revisions()}:
        raise SchemaMissing(_what_to_do(found))


def _run(url: str, work: Callable[[Connection], T]) -> T:
    async def run() -> T:
        engine = open_engine(url, pool_size=1, max_overflow=0, application="servicegraph migrate")
        try:
            with told_apart():
                async with engine.connect() as connection:
                    return await connection.run_sync(work)
        finally:
            await engine.dispose()

    return asyncio.run(run())


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(bundle.folder("migrations")))
