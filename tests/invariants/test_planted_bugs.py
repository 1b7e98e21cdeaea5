"""The checkers are worth something only if they find what is wrong: each class of bug, planted, is reported by its name."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from oracle import readings
from oracle.degrading import check_degraded
from oracle.invariants import check_at_rest
from servicegraph.store.current import STALE_SECONDS
from support.operators import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from invariants.conftest import Team
    from oracle.system import System
    from support.databases import PostgresServer
    from support.operators import Operator

PLANTED = str(Path(__file__).with_name("planted.py"))
IMPATIENT = 1.5
"""Seconds after which what is wrong counts as wrong for good."""


class Bug(NamedTuple):
    """A planted bug, and how it is reported."""

    plant: str
    invariant: str
    words: str


BUGS = [
    Bug("lost_deletion", "I1", "Postgres has the edge {0}/checkout → {0}/cart, which nobody names"),
    Bug("edge_without_evidence", "I2", "target='{0}/invented'), which never existed"),
    Bug("row_written_by_each_comparison", "I1", "a full comparison has changed table objects"),
    Bug("status_written_by_each_comparison", "I1", "a full comparison has changed object {0}/"),
    Bug("acknowledged_and_not_stored", "I5", "{0}/frontend is Ready, but its generation"),
    Bug("younger_object_wins", "I1", "HTTP: team of the service {0}/frontend is 'blue', not 'red'"),
]


def story(system: System, team: Team) -> None:
    """Declarations, two objects that disagree about one service and one call, a change and a deletion."""
    team.declare("checkout", "cart", {"name": "orders", "kind": "Datastore", "protocol": "SQL"})
    team.declare("frontend", {"name": "checkout", "protocol": "gRPC"}, team="red", criticality="High")
    team.declare("frontend-again", {"name": "checkout", "mode": "Async"}, name="frontend", team="blue")
    eventually(lambda: all(_is_ready(body) for body in team.objects()), "every object is Ready")
    system.look()
    team.declare("frontend", {"name": "checkout", "protocol": "HTTP"}, "search", team="red")
    team.delete("checkout")


def _is_ready(body: dict[str, Any]) -> bool:
    conditions = {one["type"]: one["status"] for one in body["status"].get("conditions", [])}
    return conditions.get("Ready") == "True"


@contextmanager
def away(server: PostgresServer, url: str) -> Iterator[None]:
    """Nobody can reach the database at `url` for the time of the block."""
    name = url.rpartition("/")[2]
    server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
    server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    try:
        yield
    finally:
        server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


def test_the_healthy_product_breaks_no_invariant_not_even_while_postgres_is_away(
    system: System, stopped_operator: Operator, team: Team, postgres_server: PostgresServer
) -> None:
    stopped_operator.start()
    story(system, team)
    assert check_at_rest(system) == []
    last = readings.served(system.server)
    with away(postgres_server, system.database_url):
        assert check_degraded(system.server, last) == []
        team.declare("checkout", "payment")
    assert check_at_rest(system) == []
    assert (f"{team.namespace}/checkout", f"{team.namespace}/payment") in system.look().edges


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.plant)
def test_a_planted_bug_is_caught_and_named(
    bug: Bug, system: System, stopped_operator: Operator, team: Team
) -> None:
    stopped_operator.program = (sys.executable, PLANTED, bug.plant)
    stopped_operator.start()
    story(system, team)
    found = check_at_rest(system, patience=IMPATIENT)
    words = bug.words.format(team.namespace)
    assert [one for one in found if one.invariant == bug.invariant and words in one.what], found


def test_a_stale_answer_that_does_not_say_so_is_caught(
    system: System, stopped_operator: Operator, team: Team, postgres_server: PostgresServer
) -> None:
    stopped_operator.program = (sys.executable, PLANTED, "stale_answer_unmarked")
    stopped_operator.start()
    story(system, team)
    assert check_at_rest(system, resync=False) == []
    last = readings.served(system.server)
    with away(postgres_server, system.database_url):
        (found,) = check_degraded(system.server, last, patience=IMPATIENT + STALE_SECONDS)
    assert found.invariant == "I7"
    assert "is not marked" in found.what
