"""I6 and I7: what readers over HTTP never see, whatever is away: a version going back, an empty graph, an unmarked old one.

`check_fresh` holds at rest, `check_degraded` while Postgres is away; `check_versions` asks what a `readings.Recorder` has
recorded.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from oracle import readings
from oracle.system import PATIENCE, Violation, until_none

if TYPE_CHECKING:
    from oracle.readings import Reading, Server

STALE, AGE = "X-Graph-Stale", "X-Graph-Age"


def check_fresh(server: Server) -> list[Violation]:
    """I7: while nothing is away, no answer says that it may be stale."""
    answer = server.get("/api/v1/edges?limit=1")
    return [Violation("I7", "an answer says that it is stale")] if STALE in answer.headers else []


def check_degraded(server: Server, last: Reading, *, patience: float = PATIENCE) -> list[Violation]:
    """I7: while Postgres is away the graph stays as it was last, and answers say that it may be stale (after a moment)."""
    return until_none(lambda: _not_degraded(server, last), patience)


def _not_degraded(server: Server, last: Reading) -> list[Violation]:
    violations = []
    try:
        if readings.served(server) != last:
            violations.append("the graph is not the one that was served last")
    except readings.Refused as refused:
        violations.append(str(refused))
    answer = server.get("/api/v1/edges?limit=1")
    if answer.headers.get(STALE) != "true" or not answer.headers.get(AGE, "").isdigit():
        violations.append(f"an answer without Postgres is not marked by {STALE} and {AGE}")
    silent = [probe for probe in ("/healthz", "/readyz") if server.get(probe).status != 200]
    violations += [f"{probe} says no, although the process can answer" for probe in silent]
    return [Violation("I7", text) for text in violations]


def check_versions(versions: list[int]) -> list[Violation]:
    """I6: what a reader sees one after the other, within one timeline of the database, never goes back."""
    return [
        Violation("I6", f"after version {earlier} a reader has seen {later}")
        for earlier, later in pairwise(versions)
        if later < earlier
    ]
