from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from click.testing import CliRunner

from servicegraph import bundle
from servicegraph.cli.migrate import migrate as command
from servicegraph.errors import SchemaMissing, SettingsError, StoreConflict, StoreUnavailable
from servicegraph.ingest.batch import Batch
from servicegraph.store import migrate
from servicegraph.store.engine import open_engine, transaction
from servicegraph.store.tables import metadata
from support.declared import declares

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.ingest.commit import GraphWriter
    from support.rows import Rows


def test_the_migrations_lead_to_the_schema_that_the_code_expects(database: str) -> None:
    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        found: list[Any] = compare_metadata(context, metadata)
        return found

    assert migrate._run(database, differences) == []


def test_going_up_down_and_up_again_leaves_nothing_behind(empty_database: str) -> None:
    def objects(connection: Connection) -> list[tuple[str, str]]:
        found = connection.exec_driver_sql(
            "SELECT relkind::text, relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1, 2"
        )
        return [tuple(row) for row in found]

    assert migrate.current(empty_database) is None
    migrate.upgrade(empty_database)
    built = migrate._run(empty_database, objects)
    migrate.downgrade(empty_database)
    assert {name for _, name in migrate._run(empty_database, objects)} == {
        "alembic_version",
        "alembic_version_pkc",
    }
    migrate.upgrade(empty_database)
    assert migrate._run(empty_database, objects) == built
    assert migrate.current(empty_database) == migrate.expected()


def test_migrators_started_together_wait_for_each_other(empty_database: str) -> None:
    program = "import sys; from servicegraph.store.migrate import upgrade; upgrade(sys.argv[1])"
    together = [subprocess.Popen((sys.executable, "-c", program, empty_database)) for _ in range(3)]
    assert [one.wait() for one in together] == [0, 0, 0]
    assert migrate.current(empty_database) == migrate.expected()


def test_every_migration_is_named_by_its_number_and_can_go_back() -> None:
    scripts = list(migrate._scripts().walk_revisions())
    for script in scripts:
        assert script.path.rsplit("/", 1)[1].startswith(f"{script.revision}_")
        assert callable(script.module.downgrade)
    files = list((bundle.folder("migrations") / "versions").glob("*.py"))
    assert len(files) == len(scripts)


async def test_an_empty_database_says_to_migrate(empty_database: str) -> None:
    engine = open_engine(empty_database)
    with pytest.raises(SchemaMissing, match="servicegraph migrate"):
        await migrate.check(engine)
    with pytest.raises(SchemaMissing, match="servicegraph migrate"):
        async with transaction(engine, read_only=True) as conn:
            await conn.fetch("SELECT * FROM graph_meta")
    await engine.dispose()


async def test_an_older_database_says_to_migrate(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate.check(engine)
    monkeypatch.setattr(migrate, "expected", lambda: "9999")
    with pytest.raises(SchemaMissing, match=r"has revision [0-9]+.*needs 9999.*servicegraph migrate"):
        await migrate.check(engine)


async def test_a_database_of_a_newer_version_says_to_install_that(engine: AsyncEngine, database: str) -> None:
    async with transaction(engine) as conn:
        await conn.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaMissing, match="a newer servicegraph"):
        await migrate.check(engine)
    for act in (migrate.upgrade, migrate.downgrade):
        with pytest.raises(SchemaMissing, match="a newer servicegraph"):
            await asyncio.to_thread(act, database)


async def test_migrating_again_keeps_the_data(
    engine: AsyncEngine, database: str, writer: GraphWriter
) -> None:
    batch = Batch([declares("checkout", "cart")])
    await writer.commit(batch)
    await asyncio.to_thread(migrate.upgrade, database)
    assert not (await writer.commit(batch)).changed


def test_a_server_that_is_not_there_is_reported_as_unavailable() -> None:
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        migrate.upgrade("postgresql://nobody@127.0.0.1:1/nothing")


def test_the_command_says_from_where_to_where_it_went(empty_database: str) -> None:
    environment = {"DATABASE_URL": empty_database}
    first = CliRunner().invoke(command, env=environment, catch_exceptions=False)
    assert first.output == f"Migrated the database from nothing to {migrate.expected()}.\n"
    again = CliRunner().invoke(command, env=environment, catch_exceptions=False)
    assert again.output == f"The database is at revision {migrate.expected()} already.\n"


def test_the_command_without_a_database_says_what_to_set() -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL"):
        CliRunner().invoke(command, env={"DATABASE_URL": ""}, catch_exceptions=False)


async def test_a_table_that_others_hold_stops_a_migration_and_not_everyone_behind_it(
    engine: AsyncEngine, database: str, rows: Rows
) -> None:
    async with transaction(engine) as holder:
        await holder.execute(f"LOCK TABLE {', '.join(metadata.tables)} IN ACCESS SHARE MODE")
        with pytest.raises(StoreConflict, match="lock timeout"):
            await asyncio.to_thread(migrate.downgrade, database, lock_timeout="10ms")
    assert await rows.one("SELECT version FROM graph_meta") == 0
    await migrate.check(engine)
