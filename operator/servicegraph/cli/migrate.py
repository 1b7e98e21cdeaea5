"""`servicegraph migrate`: bring the database to the schema of this version."""

from __future__ import annotations

import click

from servicegraph import settings
from servicegraph.errors import SettingsError


@click.command()
def migrate() -> None:
    """Bring the database to the schema of this version.

    Safe to run at any time and from several places at once; does nothing when there is nothing to do.

    \b
    DATABASE_URL=postgresql://servicegraph:secret@localhost:5432/servicegraph servicegraph migrate
    """
    from servicegraph.store import migrate as schema  # noqa: PLC0415 - `--help` need not load SQLAlchemy

    url = settings.load().database_url
    if not url:
        raise SettingsError("DATABASE_URL is not set; write postgresql://user:password@host:port/name")
    before, after = schema.current(url), schema.expected()
    if before == after:
        click.echo(f"The database is at revision {after} already.")
        return
    schema.upgrade(url)
    click.echo(f"Migrated the database from {before or 'nothing'} to {after}.")
