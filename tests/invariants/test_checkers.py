"""The checkers on what they are given, without a system: each says what is wrong, and nothing about what is right."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from oracle.degrading import check_degraded, check_fresh, check_versions
from oracle.invariants import QUEUES, check_queues
from oracle.readings import Reading, Recorder, Refused, served
from oracle.system import System, Violation, until_none
from support import lives


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)


def page(*items: dict[str, Any], version: int = 7) -> bytes:
    return json.dumps({"items": items, "next_cursor": None, "graph_version": version}).encode()


@dataclass
class Server:
    """Answers the same to everything of one kind."""

    services: bytes = page()
    edges: bytes = page()
    headers: dict[str, str] = field(default_factory=lambda: {"X-Graph-Version": "7"})
    status: int = 200
    metrics: dict[str, float] = field(default_factory=dict)

    def get(self, path: str) -> Answer:
        return Answer(self.status, self.edges if "edges" in path else self.services, self.headers)

    def metric(self, name: str, **_: str) -> float:
        return self.metrics.get(name, 0.0)


MARKED = {"X-Graph-Version": "7", "X-Graph-Stale": "true", "X-Graph-Age": "4"}
EMPTY = Reading(7, {}, {})
EDGE = {"source": "shop/a", "target": "shop/b", "protocol": None, "mode": "Sync", "requirement": "Hard"}
ONE_EDGE = page({**EDGE, "confidence": 0.95, "stale": False, "providers": [{"name": "declared"}]})


def words(found: list[Violation], invariant: str) -> str:
    assert {one.invariant for one in found} == {invariant}
    return "; ".join(one.what for one in found)


def test_a_version_that_goes_back_is_seen_through_every_answer_in_between() -> None:
    server = Server()
    recorder = Recorder(server)
    for version in ("7", "9", "9", "8", "9"):
        server.headers = {"X-Graph-Version": version}
        recorder.get("/readyz")
    assert words(check_versions(recorder.versions), "I6") == "after version 9 a reader has seen 8"
    assert check_versions([1, 1, 2, 5]) == []


def test_an_answer_at_rest_does_not_say_that_it_is_stale() -> None:
    assert check_fresh(Server()) == []
    assert "stale" in words(check_fresh(Server(headers=MARKED)), "I7")


@pytest.mark.parametrize(
    ("server", "complaint"),
    [
        (Server(), "is not marked"),
        (Server(headers={**MARKED, "X-Graph-Age": "old"}), "is not marked"),
        (Server(headers=MARKED, edges=ONE_EDGE), "not the one that was served last"),
        (Server(headers=MARKED, status=503), "answers 503"),
        (Server(headers=MARKED, status=503), "/readyz says no"),
    ],
)
def test_without_postgres_answers_must_be_marked_and_the_graph_the_last_one(
    server: Server, complaint: str
) -> None:
    assert complaint in words(check_degraded(server, EMPTY, patience=0), "I7")


def test_a_marked_answer_of_the_last_graph_is_right_and_an_empty_one_in_its_place_is_not() -> None:
    last = served(Server(edges=ONE_EDGE))
    assert check_degraded(Server(headers=MARKED, edges=ONE_EDGE), last) == []
    assert "not the one" in words(check_degraded(Server(headers=MARKED), last, patience=0), "I7")


@pytest.mark.parametrize("queue", QUEUES)
def test_more_in_a_queue_than_there_ever_were_objects_is_too_much(queue: str) -> None:
    server = Server(metrics={queue: 2.0})
    system = System("", Recorder(server), list)
    system.history.show(*(lives.body("shop", name, 1, 1, {"service": {"name": name}}) for name in "ab"))
    assert check_queues(system) == []
    server.metrics[queue] = 3.0
    assert f"{queue} is 3" in words(check_queues(system), "I8")


def test_an_answer_that_is_refused_names_the_path_and_what_was_said() -> None:
    with pytest.raises(Refused, match=r"/api/v1/services.* answers 503"):
        served(Server(status=503))


def test_waiting_ends_with_the_first_answer_without_a_violation() -> None:
    answers = [[Violation("I1", "first")], [Violation("I1", "second")], []]
    assert until_none(lambda: answers.pop(0)) == []
    assert until_none(lambda: [Violation("I1", "for ever")], patience=0) == [Violation("I1", "for ever")]
