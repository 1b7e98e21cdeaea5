"""Acknowledged means durable: a process that is killed around the commit, a Postgres that goes away, answers that are lost."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from faults.gates import Moment
from faults.postgres import PostgresProxy
from support.operators import Answer, Operator, eventually
from support.posted import about, body, edge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from outages.servers import MortalPostgres

PATH = "/api/v1/dependencies"
EVERYTHING = {("shop/a", "shop/b"), ("shop/b", "shop/a")}
RECORDS = body(about("a", team="red"), edge("a>b"), edge("b>a"))


class Taking:
    """A process that serves alone, without Kubernetes, behind a fault proxy."""

    def __init__(self, server: Operator, proxy: PostgresProxy, postgres: MortalPostgres, url: str) -> None:
        self.server, self.proxy = server, proxy
        self._postgres, self._url = postgres, url

    def stored(self) -> set[tuple[str, str]]:
        """What Postgres holds, asked past the proxy."""
        return {tuple(row) for row in self._postgres.fetch("SELECT source, target FROM edges", self._url)}

    def traces(self) -> tuple[int, int]:
        """The version, and how many lines the log of changes has."""
        (row,) = self._postgres.fetch(
            "SELECT version, (SELECT count(*) FROM changes) FROM graph_meta", self._url
        )
        return row[0], row[1]

    def send(self, records: Any, method: str = "POST", query: str = "") -> Answer:
        return self.server.send(method, PATH + query, records)


@contextmanager
def taking(folder: Path, postgres: MortalPostgres) -> Iterator[Taking]:
    url = postgres.database()
    with PostgresProxy(url) as proxy:
        server = Operator(folder, proxy.url, folder / "no-kubeconfig", role="api")
        try:
            yield Taking(server.start(), proxy, postgres, url)
        finally:
            proxy.heal()
            if server.process is not None:
                server.stop()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, mortal_postgres: MortalPostgres) -> Iterator[Taking]:
    """The process of the module."""
    with taking(tmp_path_factory.mktemp("taking"), mortal_postgres) as one:
        yield one


@pytest.fixture
def empty(alone: Taking) -> Taking:
    """The same, with nothing sent yet."""
    assert alone.send({"services": [], "dependencies": []}, query="?mode=replace").status == 200
    return alone


def test_what_is_acknowledged_is_seen_at_once_where_it_was_sent(empty: Taking) -> None:
    for number in range(10):
        answer = empty.send(body(edge(f"a>b{number}")))
        assert answer.status == 200
        assert ("shop/a", f"shop/b{number}") in empty.server.edges()
        assert answer.json()["graph_version"] == int(answer.headers["X-Graph-Version"])
    assert empty.send(body(edge("a>b0")), "DELETE").json()["dependencies"] == {"removed": 1, "absent": 0}
    assert ("shop/a", "shop/b0") not in empty.server.edges()


def test_a_circle_is_told_by_whoever_stores_it(empty: Taking) -> None:
    (warning,) = empty.send(RECORDS).json()["warnings"]
    assert warning["message"].endswith("shop/a → shop/b → shop/a")
    assert empty.send(RECORDS).json()["warnings"] == [warning], "a repeated request has the same answer"


@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("way", ["POST", "DELETE"])
def test_killed_around_the_commit_all_of_it_is_stored_or_none_and_a_retry_is_safe(
    empty: Taking, moment: Moment, way: str
) -> None:
    if way == "DELETE":
        assert empty.send(RECORDS).status == 200
    before, expected = empty.stored(), EVERYTHING if way == "POST" else set()
    version, lines = empty.traces()
    answers: list[Answer] = []

    def ask() -> None:
        with suppress(OSError):
            answers.append(empty.send(RECORDS, way))

    empty.proxy.stop_at(1, moment)
    asking = threading.Thread(target=ask)
    asking.start()
    eventually(empty.proxy.reached.is_set, "it stands at the commit")
    empty.server.kill()
    asking.join()
    empty.proxy.heal()
    assert [one.status for one in answers if one.status == 200] == [], "nothing was acknowledged"
    assert empty.stored() == (before if moment is Moment.BEFORE else expected)
    empty.server.start()
    again = empty.send(RECORDS, way)
    assert again.status == 200
    assert empty.stored() == expected == {one for one in empty.server.edges() if one in EVERYTHING}
    assert empty.traces() == (version + 1, lines + 3), "it has counted once"
    word = {
        ("POST", Moment.BEFORE): "created", ("POST", Moment.AFTER): "unchanged",
        ("DELETE", Moment.BEFORE): "removed", ("DELETE", Moment.AFTER): "absent",
    }[way, moment]  # fmt: skip
    assert again.json()["dependencies"][word] == 2


def test_an_acknowledged_record_outlives_the_death_of_both(
    empty: Taking, mortal_postgres: MortalPostgres
) -> None:
    assert empty.send(RECORDS).status == 200
    empty.server.kill()
    mortal_postgres.kill()
    mortal_postgres.start()
    assert empty.stored() == EVERYTHING
    empty.server.start()
    assert empty.server.edges() == EVERYTHING


def test_while_postgres_is_away_nothing_is_acknowledged(empty: Taking) -> None:
    empty.proxy.refuse()
    for way in ("POST", "DELETE"):
        answer = empty.send(RECORDS, way)
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "1"
        assert answer.headers["Content-Type"] == "application/problem+json"
    empty.proxy.heal()
    assert empty.stored() == set()
    eventually(lambda: empty.send(RECORDS).status == 200, "it is taken again")
    assert empty.stored() == EVERYTHING


def test_many_at_once_all_count(empty: Taking) -> None:
    statuses: list[int] = []

    def ask(number: int) -> None:
        statuses.append(empty.send(body(edge(f"a>b{number}"), edge("a>shared"))).status)

    asking = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    assert statuses == [200] * 20
    assert empty.stored() == {("shop/a", f"shop/b{number}") for number in range(20)} | {
        ("shop/a", "shop/shared")
    }
