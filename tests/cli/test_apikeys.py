"""`servicegraph api-keys`, as somebody types it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from servicegraph.cli import cli
from servicegraph.errors import BadInput, SettingsError
from servicegraph.model.apikey import id_of
from support import databases

if TYPE_CHECKING:
    from collections.abc import Callable

    Typed = Callable[..., Result]


@pytest.fixture
def typed(database: str) -> Typed:
    """Types a command beside a database without keys."""
    databases.execute(database, "DELETE FROM api_keys")

    def run(*words: str) -> Result:
        return CliRunner().invoke(
            cli, ["api-keys", *words], env={"DATABASE_URL": database}, catch_exceptions=False
        )

    return run


def test_a_key_that_is_made_is_all_of_the_output(typed: Typed) -> None:
    made = typed("create", "--name", "backstage", "--expires", "90d")
    assert made.exit_code == 0
    key = made.stdout.removesuffix("\n")
    name = id_of(key)
    assert name is not None
    assert f"The key {name} of backstage allows read, until " in made.stderr
    assert key not in made.stderr


def test_programs_get_a_key_with_all_that_it_allows(typed: Typed) -> None:
    made = json.loads(
        typed(
            "create", "--name", "ci", "--scope", "ingest", "--query-limit", "0", "--ingestion-limit", "600", "-o", "json"
        ).stdout
    )  # fmt: skip
    assert id_of(made["key"]) == made["id"]
    assert {
        name: made[name] for name in ("name", "scope", "query_limit", "ingestion_limit", "expires_at")
    } == {
        "name": "ci",
        "scope": "ingest",
        "query_limit": 0,
        "ingestion_limit": 600,
        "expires_at": None,
    }


def test_the_list_names_every_key_and_shows_none(typed: Typed) -> None:
    assert "There are no keys" in typed("list").stderr
    one = typed("create", "--name", "backstage").stdout.strip()
    two = json.loads(
        typed("create", "--name", "ci", "--scope", "admin", "--query-limit", "0", "-o", "json").stdout
    )
    typed("revoke", two["id"])
    shown = typed("list").stdout
    heads, first, second = [line.split() for line in shown.splitlines()]
    assert heads[:4] == ["ID", "NAME", "SCOPE", "STATE"]
    assert first[:4] == [id_of(one), "backstage", "read", "live"]
    assert second[:4] == [two["id"], "ci", "admin", "revoked"]
    listed = typed("list", "-o", "json").stdout
    assert [item["id"] for item in json.loads(listed)["items"]] == [id_of(one), two["id"]]
    for key in (one, two["key"]):
        assert key[12:] not in shown + listed


def test_a_key_is_revoked_by_its_name_or_its_id(typed: Typed) -> None:
    first = typed("create", "--name", "ci").stdout.strip()
    assert typed("revoke", "ci").stdout == f"The key {id_of(first)} of ci is revoked.\n"
    again = json.loads(typed("revoke", str(id_of(first)), "--output", "json").stdout)
    assert again["revoked_at"] is not None
    with pytest.raises(BadInput, match="servicegraph api-keys list shows all"):
        typed("revoke", "ci")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--name", "Back Stage"], "'Back Stage' is no name"),
        (["--name", "x" * 64], "is no name"),
        (["--name", "ci", "--expires", "soon"], "'soon' is no time"),
        (["--name", "ci", "--expires", "2020-01-01"], "has passed already"),
        (["--name", "ci", "--scope", "root"], "'root' is not one of"),
        (["--name", "ci", "--query-limit", "-1"], "-1 is not in the range"),
        ([], "Missing option '--name'"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_is_taken(
    typed: Typed, words: list[str], says: str
) -> None:
    refused = typed("create", *words)
    assert refused.exit_code == 2
    assert says in " ".join(refused.stderr.replace("│", " ").split())


def test_without_a_database_it_says_what_to_set() -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL"):
        CliRunner().invoke(cli, ["api-keys", "list"], env={"DATABASE_URL": ""}, catch_exceptions=False)
