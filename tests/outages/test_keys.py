"""Keys in processes that serve together: made, revoked, and remembered while Postgres is away."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from faults.postgres import PostgresProxy
from servicegraph.cli import cli
from servicegraph.model.apikey import forge
from support.operators import Operator, eventually
from support.valkeys import Valkey

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from outages.servers import MortalPostgres

EDGES = "/api/v1/edges"


class Servers:
    """Two processes that serve one database, each behind a fault proxy, with one Valkey."""

    def __init__(self, url: str, proxy: PostgresProxy, both: tuple[Operator, Operator]) -> None:
        self.url, self.proxy, self.both = url, proxy, both

    def typed(self, *words: str) -> str:
        """What `servicegraph api-keys` prints."""
        done = CliRunner().invoke(
            cli, ["api-keys", *words], env={"DATABASE_URL": self.url}, catch_exceptions=False
        )
        assert done.exit_code == 0, done.output
        return done.stdout.strip()

    def statuses(self, key: str, path: str = EDGES) -> list[int]:
        """What each answers to who sends `key`."""
        return [server.get(path, {"X-API-Key": key}).status for server in self.both]


@contextmanager
def serving(folder: Path, url: str, valkey: Valkey) -> Iterator[Servers]:
    with PostgresProxy(url) as proxy:
        servers = []
        for name in ("first", "second"):
            (folder / name).mkdir()
            servers.append(
                Operator(
                    folder / name,
                    proxy.url,
                    folder / "no-kubeconfig",
                    extra={"REDIS_URL": valkey.url, "LOG_LEVEL": "DEBUG"},
                    instance="together",
                    role="api",
                )
            )
        try:
            yield Servers(url, proxy, (servers[0].start(), servers[1].start()))
        finally:
            proxy.heal()
            for server in servers:
                if server.process is not None:
                    server.stop()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, mortal_postgres: MortalPostgres) -> Iterator[Servers]:
    """The servers of the module."""
    folder = tmp_path_factory.mktemp("keys")
    with Valkey(folder) as valkey, serving(folder, mortal_postgres.database(), valkey) as both:
        yield both


def test_a_new_key_works_at_once_in_every_process(servers: Servers) -> None:
    for number in range(3):
        key = servers.typed("create", "--name", f"new-{number}")
        assert servers.statuses(key) == [200, 200]


def test_a_revoked_key_is_refused_by_every_process(servers: Servers) -> None:
    key = servers.typed("create", "--name", "leaving")
    assert servers.statuses(key) == [200, 200]
    servers.typed("revoke", "leaving")
    eventually(lambda: servers.statuses(key) == [401, 401], "both refuse it", seconds=10)
    refused = servers.both[0].get(EDGES, {"X-API-Key": key})
    assert "was revoked at" in refused.json()["detail"]


def test_processes_count_together(servers: Servers) -> None:
    key = servers.typed("create", "--name", "counted", "--query-limit", "4")
    found = [status for _ in range(3) for status in servers.statuses(key)]
    assert found == [200, 200, 200, 200, 429, 429]


def test_keys_change_over_without_a_gap(servers: Servers) -> None:
    old = servers.typed("create", "--name", "rotating")
    new = servers.typed("create", "--name", "rotating")
    assert servers.statuses(old) + servers.statuses(new) == [200] * 4
    servers.typed("revoke", old)
    eventually(lambda: servers.statuses(old) == [401, 401], "the old one is refused")
    assert servers.statuses(new) == [200, 200]


def test_while_postgres_is_away_known_keys_open_and_nobody_is_told_a_lie(servers: Servers) -> None:
    known = servers.typed("create", "--name", "known", "--query-limit", "0")
    assert servers.statuses(known) == [200, 200]
    servers.proxy.refuse()
    made = servers.typed("create", "--name", "made-meanwhile")
    eventually(lambda: all("keys" in server.degraded() for server in servers.both), "/readyz tells of it")
    for server in servers.both:
        assert "not known here" in server.degraded()["keys"]
    assert servers.statuses(known) == [200, 200]
    assert servers.statuses(made) == [503, 503], "it cannot be told whether it exists"
    assert servers.statuses(forge()) == [503, 503]
    servers.typed("revoke", "known")
    assert servers.statuses(known) == [200, 200], "that cannot be known here"
    servers.proxy.heal()
    eventually(lambda: servers.statuses(known) == [401, 401], "what happened meanwhile is made up for")
    assert servers.statuses(made) == [200, 200]
    assert servers.statuses(forge()) == [401, 401]


def test_the_list_tells_when_a_key_was_used_last(servers: Servers) -> None:
    def used(name: str) -> str | None:
        [item] = [
            one for one in json.loads(servers.typed("list", "-o", "json"))["items"] if one["name"] == name
        ]
        found: str | None = item["last_used_at"]
        return found

    servers.typed("create", "--name", "idle")
    key = servers.typed("create", "--name", "busy")
    assert servers.statuses(key) == [200, 200]
    eventually(lambda: used("busy") is not None, "it is stored, some seconds later")
    assert used("idle") is None


def test_no_key_is_in_any_output(servers: Servers) -> None:
    keys = [servers.typed("create", "--name", "secret"), forge()]
    for server in servers.both:
        for key in keys:
            for path in (EDGES, f"{EDGES}?key={key}", f"/{key}", f"{EDGES}?cursor={key}"):
                assert key[12:].encode() not in server.get(path, {"X-API-Key": key}).body
                assert key[12:].encode() not in server.get(path, {"Authorization": f"Bearer {key}"}).body
        metrics = server.get("/metrics").body.decode()
        for key in keys:
            assert key[12:] not in server.log()
            assert key[3:] not in metrics
