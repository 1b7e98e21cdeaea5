"""`servicegraph api-keys`: keys for who asks over HTTP, written to the database that `DATABASE_URL` names."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click
import orjson

from servicegraph import settings
from servicegraph.cli.columns import age, columns
from servicegraph.cli.moments import moment
from servicegraph.clock import SystemClock
from servicegraph.model.apikey import MOST, NAME, Scope
from servicegraph.model.fields import print_time

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime
    from typing import TypeVar

    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.model.apikey import ApiKey

    T = TypeVar("T")

_HEADS = ("ID", "NAME", "SCOPE", "STATE", "QUERIES", "INGESTIONS", "LAST USED", "AGE")


def _named(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not NAME.fullmatch(value):
        raise click.BadParameter(
            f"{value!r} is no name; it takes lower-case letters, digits, '-', '.' and '_', at most 63,"
            " with a letter or digit at both ends"
        )
    return value


_limit = click.IntRange(0, MOST)
_output = click.option(
    "--output",
    "-o",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to write it.",
)


@click.group("api-keys")
def api_keys() -> None:
    """Make, list and revoke the keys of programs and people who ask over HTTP.

    A key allows as much as its scope: read looks at the graph, ingest also adds to it, admin is all. These commands need no
    key: they write to the database at DATABASE_URL.

    \b
    Hand one out:
      servicegraph api-keys create --name backstage --expires 90d
    Change over to another: two live keys may have one name:
      servicegraph api-keys create --name backstage --expires 90d
      servicegraph api-keys revoke 4Jd83kfQ
    """


@api_keys.command()
@click.option("--name", required=True, callback=_named, help="Who or what it is for.")
@click.option(
    "--scope",
    type=click.Choice([scope.value for scope in Scope]),
    default=Scope.READ.value,
    show_default=True,
    help="What it allows; each includes those before it.",
)
@click.option(
    "--expires", help="When it ends: a span such as 90d, a day, or a time; it does not end by default."
)
@click.option(
    "--query-limit", type=_limit, help="Looks a minute; 0 is no limit.  [default: RATE_LIMIT_QUERY]"
)
@click.option(
    "--ingestion-limit", type=_limit, help="Changes a minute; 0 is no limit.  [default: RATE_LIMIT_INGESTION]"
)
@_output
def create(
    name: str,
    scope: str,
    expires: str | None,
    query_limit: int | None,
    ingestion_limit: int | None,
    output: str,
) -> None:
    """Make a key and print it, this once: only its hash is stored.

    It works at once in every process.

    \b
    Examples:
      servicegraph api-keys create --name backstage
      key="$(servicegraph api-keys create --name ci --scope ingest --expires 90d)"
      curl -H "X-API-Key: $key" "$SERVICEGRAPH_URL/api/v1/services"
    """
    from servicegraph.store import keys  # noqa: PLC0415 - `--help` need not load SQLAlchemy

    ends = None if expires is None else moment(expires, SystemClock().now(), "--expires")
    text, key = _asked(
        lambda engine: keys.create(
            engine,
            name,
            Scope(scope),
            expires_at=ends,
            query_limit=query_limit,
            ingestion_limit=ingestion_limit,
        )
    )
    if output == "json":
        click.echo(orjson.dumps({**_document(key), "key": text}, option=orjson.OPT_INDENT_2))
        return
    until = "" if key.expires_at is None else f", until {print_time(key.expires_at)}"
    click.echo(f"The key {key.id} of {name} allows {scope}{until}. It is shown only now:", err=True)
    click.echo(text)


@api_keys.command("list")
@_output
def list_(output: str) -> None:
    """List all keys, those that are refused by now too; their secrets are known to nobody."""
    from servicegraph.store import keys  # noqa: PLC0415 - `--help` need not load SQLAlchemy

    found, now = _asked(keys.listed), SystemClock().now()
    if output == "json":
        click.echo(orjson.dumps({"items": [_document(key) for key in found]}, option=orjson.OPT_INDENT_2))
    elif found:
        click.echo(columns(_HEADS, [_row(key, now) for key in found]), nl=False)
    else:
        click.echo("There are no keys; servicegraph api-keys create makes one.", err=True)


@api_keys.command()
@click.argument("key")
@_output
def revoke(key: str, output: str) -> None:
    """Revoke KEY for ever: the id of a key, or its name if no other live key has it.

    Every process refuses it within a second.
    """
    from servicegraph.store import keys  # noqa: PLC0415 - `--help` need not load SQLAlchemy

    gone = _asked(lambda engine: keys.revoke(engine, key))
    if output == "json":
        click.echo(orjson.dumps(_document(gone), option=orjson.OPT_INDENT_2))
    else:
        click.echo(f"The key {gone.id} of {gone.name} is revoked.")


def _asked(work: Callable[[AsyncEngine], Awaitable[T]]) -> T:
    """The answer of the database that the settings name to `work`."""
    from servicegraph.store.engine import create_engine  # noqa: PLC0415 - `--help` need not load SQLAlchemy

    async def run() -> T:
        engine = create_engine(settings.load())
        try:
            return await work(engine)
        finally:
            await engine.dispose()

    return asyncio.run(run())


def _document(key: ApiKey) -> dict[str, Any]:
    """What programs are told about a key."""

    def when(at: datetime | None) -> str | None:
        return None if at is None else print_time(at)

    return {
        "id": key.id,
        "name": key.name,
        "scope": key.scope.value,
        "query_limit": key.query_limit,
        "ingestion_limit": key.ingestion_limit,
        "created_at": when(key.created_at),
        "expires_at": when(key.expires_at),
        "revoked_at": when(key.revoked_at),
        "last_used_at": when(key.last_used_at),
    }


def _row(key: ApiKey, now: datetime) -> list[str]:
    """What people are told about a key, beneath `_HEADS`."""
    return [
        key.id,
        key.name,
        key.scope.value,
        _state(key, now),
        _limited(key.query_limit),
        _limited(key.ingestion_limit),
        "never" if key.last_used_at is None else f"{age(key.last_used_at, now)} ago",
        age(key.created_at, now),
    ]


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return f"revoked {age(key.revoked_at, now)} ago"
    if key.expires_at is None:
        return "live"
    if key.expires_at <= now:
        return f"expired {age(key.expires_at, now)} ago"
    return f"live for {age(now, key.expires_at)}"


def _limited(limit: int | None) -> str:
    return "default" if limit is None else f"{limit}/min" if limit else "no limit"
