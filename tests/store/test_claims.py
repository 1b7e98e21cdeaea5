"""Claims that differ are found, and only those; what they say counts is what the graph shows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from servicegraph.graph.conflicts import Difference
from servicegraph.ingest.batch import Batch
from servicegraph.model.observation import RemovedObject
from servicegraph.model.vocabulary import Mode, Requirement
from servicegraph.store.claims import differing_claims
from servicegraph.store.engine import transaction
from servicegraph.store.snapshot import load
from support.declared import calls, declares, service

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.graph.conflicts import Claim
    from servicegraph.ingest.commit import GraphWriter
    from servicegraph.model.observation import DeclaredObject

A, B = service("a"), service("b")


def older(edge: dict[str, Any], **statement: Any) -> DeclaredObject:
    return declares("a", calls(A, B, **edge), age=1, **statement)


def younger(edge: dict[str, Any], **statement: Any) -> DeclaredObject:
    """Another object about the same service."""
    return replace(declares("a", calls(A, B, **edge), uid="younger", **statement), name="z")


async def claims(engine: AsyncEngine) -> list[Claim]:
    async with transaction(engine, read_only=True) as conn:
        return await differing_claims(conn)


async def test_objects_that_agree_or_speak_of_different_fields_make_no_claim(
    engine: AsyncEngine, writer: GraphWriter
) -> None:
    same: dict[str, Any] = {"details": {"timeout": "5s"}}
    await writer.commit(Batch([older(same, team="red"), younger(same, team="red"), declares("b", "c")]))
    assert await claims(engine) == []
    assert (await load(engine)).conflicts == {}


async def test_a_field_of_which_only_one_speaks_is_no_conflict(
    engine: AsyncEngine, writer: GraphWriter
) -> None:
    await writer.commit(
        Batch([older({"details": {"timeout": "5s"}}, team="red"), younger({}, technology="go")])
    )
    assert (await load(engine)).conflicts == {}


@pytest.mark.parametrize(
    ("first", "second", "field", "theirs", "mine"),
    [
        ({"mode": Mode.ASYNC}, {"mode": Mode.SYNC}, "mode", "Async", "Sync"),
        ({"requirement": Requirement.SOFT}, {}, "requirement", "Soft", "Hard"),
        ({"protocol": "AMQP"}, {"protocol": "HTTP"}, "protocol", "AMQP", "HTTP"),
        ({"details": {"timeout": "5s"}}, {"details": {"timeout": "9s"}}, "timeout", "5s", "9s"),
        (
            {"details": {"retry": {"maxAttempts": 3, "backoff": "Fixed"}}},
            {"details": {"retry": {"maxAttempts": 1}}},
            "retry.maxAttempts",
            3,
            1,
        ),
        (
            {"details": {"expectedInterval": "1h"}},
            {"details": {"expectedInterval": "2h"}},
            "expectedInterval",
            "1h",
            "2h",
        ),
    ],
)
async def test_the_younger_of_two_declarations_of_one_edge_loses_the_field_in_which_they_differ(
    engine: AsyncEngine,
    writer: GraphWriter,
    first: dict[str, Any],
    second: dict[str, Any],
    field: str,
    theirs: Any,
    mine: Any,
) -> None:
    await writer.commit(Batch([younger(second), older(first)]))
    found = (await load(engine)).conflicts
    (conflict,) = found["younger"].named
    assert (conflict.other, conflict.subject) == ("shop/a", "shop/a → shop/b")
    assert conflict.differences == (Difference(field, theirs, mine),)
    assert set(found) == {"younger"}


async def test_what_is_said_to_count_is_what_the_graph_shows(
    engine: AsyncEngine, writer: GraphWriter
) -> None:
    said = {"technology": "go", "team": "red", "criticality": "High", "target": "99.9", "labels": {"a": "1"}}
    other = {
        "technology": "java",
        "team": "web",
        "criticality": "Low",
        "target": "90",
        "labels": {"a": "1", "b": "2"},
    }
    edge = {"mode": Mode.ASYNC, "requirement": Requirement.SOFT, "protocol": "AMQP"}
    await writer.commit(Batch([younger({}, **other), older(edge, **said)]))
    graph = await load(engine)
    counts = {
        one.field: one.theirs for conflict in graph.conflicts["younger"].named for one in conflict.differences
    }
    node = graph.nodes[graph.find("shop", "a")]
    assert counts == {
        "technology": node.technology,
        "team": node.team,
        "criticality": node.criticality,
        "availabilityTarget": node.target,
        "labels": dict(node.labels),
        "mode": Mode(int(graph.edges.mode[0])).word,
        "requirement": Requirement(int(graph.edges.requirement[0])).word,
        "protocol": graph.protocols[graph.edges.protocol[0]],
    }
    assert node.team == "red"


async def test_a_conflict_ends_when_the_objects_agree_and_when_one_goes(
    engine: AsyncEngine, writer: GraphWriter
) -> None:
    await writer.commit(Batch([older({"mode": Mode.ASYNC}), younger({})]))
    assert (await load(engine)).conflicts
    await writer.commit(Batch([replace(younger({"mode": Mode.ASYNC}), generation=2)]))
    assert (await load(engine)).conflicts == {}
    await writer.commit(Batch([replace(younger({}), generation=3)]))
    assert (await load(engine)).conflicts
    await writer.commit(Batch(removed=[RemovedObject("uid-of-a", "deleted")]))
    assert (await load(engine)).conflicts == {}


async def test_a_description_and_an_accepted_circle_contradict_nobody(
    engine: AsyncEngine, writer: GraphWriter
) -> None:
    accepted = {"acceptedCycle": {"reason": "split planned"}, "description": "charges the card"}
    await writer.commit(
        Batch([older({"details": accepted, "accepted": True}), younger({"details": {"description": "x"}})])
    )
    assert (await load(engine)).conflicts == {}


async def test_an_api_record_about_the_same_service_is_no_object_and_no_conflict(
    engine: AsyncEngine, writer: GraphWriter, rows: Any
) -> None:
    await writer.commit(Batch([older({}, team="red")]))
    await rows.run("INSERT INTO providers (name, evidence_group) VALUES ('api:a', 'api')")
    await rows.run(
        "INSERT INTO statements (provider, service, team)"
        " SELECT p.id, s.id, 'blue' FROM providers p, services s WHERE p.name = 'api:a'"
    )
    assert (await load(engine)).conflicts == {}
