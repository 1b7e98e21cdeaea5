"""How Alembic runs our migrations: one at a time, each in a transaction of its own, never waiting long for a lock.

`servicegraph.store.migrate` hands in the connection; `alembic revision` needs none. Two migrators started together wait for
each other at the advisory lock, and the second then finds nothing to do. A migration that cannot get a lock on a table gives up
soon instead of stopping every reader that queues up behind it: run it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic import context

from servicegraph.errors import SettingsError
from servicegraph.store.tables import metadata

if TYPE_CHECKING:
    from sqlalchemy import Connection

MIGRATORS_LOCK = int.from_bytes(b"svcmigr", "big")
STATEMENT_TIMEOUT = "10min"


def migrate(connection: Connection) -> None:
    """Run what Alembic was asked for on `connection`."""
    connection.exec_driver_sql("SET lock_timeout = 0")  # for as long as the other migrator takes
    connection.exec_driver_sql("SET statement_timeout = 0")
    connection.exec_driver_sql(f"SELECT pg_advisory_lock({MIGRATORS_LOCK})")
    connection.exec_driver_sql(f"SET lock_timeout = '{context.config.attributes['lock_timeout']}'")
    connection.exec_driver_sql(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'")
    connection.commit()
    try:
        context.configure(
            connection=connection,
            target_metadata=metadata,
            transaction_per_migration=True,
            compare_server_default=True,
        )
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.rollback()
        connection.exec_driver_sql(f"SELECT pg_advisory_unlock({MIGRATORS_LOCK})")
        connection.commit()


given = context.config.attributes.get("connection")
if given is None:
    raise SettingsError("run migrations with `servicegraph migrate`; alembic alone only writes new ones")
migrate(given)
