"""What a CycleAlert should say, and what is done so that it does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicegraph.graph.alerts import News
from servicegraph.graph.columns import Node
from servicegraph.model.alert import Acknowledgement, AlertState
from servicegraph.model.alertobject import remembered
from servicegraph.model.cyclealert import MAX_SHOWN, CycleAlertStatus
from servicegraph.writeback.alerts import Create, Delete, Write, next_step
from support.cyclealerts import INSTANCE, Versions, live_alert, only
from support.graphs import facts, service
from support.reference import Fact

if TYPE_CHECKING:
    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.model.alert import Alert
    from servicegraph.writeback.live_alert import LiveAlert

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=3)
ACK = {"reason": "split planned", "by": "ana", "until": "2027-01-31T00:00:00Z"}


def status(alert: Alert | None, live: LiveAlert, snapshot: Snapshot, now: datetime = NOW) -> dict[str, Any]:
    """The status that the next step writes."""
    step = next_step(alert, live, snapshot, INSTANCE, now)
    assert isinstance(step, Write), step
    return step.status


def ready(said: dict[str, Any]) -> tuple[str, str, str]:
    (one,) = said["conditions"]
    return one["status"], one["reason"], one["message"]


def test_an_alert_without_an_object_gets_one_and_then_its_status() -> None:
    graph = Versions().become("abc")
    alert = only(graph)
    assert next_step(alert, None, graph, INSTANCE, NOW) == Create()
    said = status(alert, live_alert(alert.name), graph)
    assert said == {
        "observedGeneration": 1,
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "observedGeneration": 1,
                "reason": "NotAcknowledged",
                "message": "3 services depend on each other in a circle (Critical): shop/a → shop/b → shop/c → shop/a;"
                " cheapest way out: remove shop/a → shop/b (Sync and Hard)",
                "lastTransitionTime": "2026-03-01T12:00:00Z",
            }
        ],
        "state": "Open",
        "severity": "Critical",
        "memberCount": 3,
        "members": ["shop/a", "shop/b", "shop/c"],
        "witness": ["shop/a", "shop/b", "shop/c", "shop/a"],
        "path": "shop/a → shop/b → shop/c → shop/a",
        "suggestedCuts": [{"source": "shop/a", "target": "shop/b", "reason": "Sync and Hard"}],
        "cut": "shop/a → shop/b",
        "edges": [
            {
                "source": f"shop/{source}",
                "target": f"shop/{target}",
                "mode": "Sync",
                "requirement": "Hard",
                "providers": ["declared"],
                "confidence": 0.95,
            }
            for source, target in ("ab", "bc", "ca")
        ],
        "openedAt": "2026-01-01T00:00:00Z",
        "graphVersion": graph.mark.version,
    }


def test_what_an_object_says_already_is_not_written_again_whatever_the_time_or_the_version() -> None:
    versions = Versions()
    graph = versions.become("abc")
    alert = only(graph)
    told = live_alert(alert.name, status(alert, live_alert(alert.name), graph))
    assert next_step(alert, told, graph, INSTANCE, LATER) is None
    moved_on = versions.become("abc")
    assert moved_on.mark.version > graph.mark.version
    assert next_step(only(moved_on), told, moved_on, INSTANCE, LATER) is None


def test_a_status_that_somebody_edited_is_put_right() -> None:
    graph = Versions().become("abc")
    alert = only(graph)
    right = status(alert, live_alert(alert.name), graph)
    assert status(alert, live_alert(alert.name, {**right, "memberCount": 77}), graph) == right
    assert status(alert, live_alert(alert.name, {**right, "cut": None}), graph) == right


def test_an_acknowledgement_is_answered_once_the_graph_has_taken_it_in() -> None:
    versions = Versions()
    graph = versions.become("abc")
    alert = only(graph)
    before = status(alert, live_alert(alert.name), graph)
    acknowledged = live_alert(alert.name, before, ACK, generation=2)
    assert next_step(alert, acknowledged, graph, INSTANCE, NOW) is None, "nothing is known of it yet"

    said = acknowledged.said
    assert said is not None
    graph = versions.become("abc", News({alert.name: said}))
    alert = only(graph)
    after = status(alert, acknowledged, graph)
    assert (after["state"], after["observedGeneration"]) == ("Acknowledged", 2)
    assert after["acknowledged"] == {
        "generation": 2,
        "memberCount": 3,
        "membersHash": alert.name.removeprefix("cycle-"),
    }
    assert ready(after) == (
        "True",
        "AcknowledgedOnAlert",
        "acknowledged by ana until 2027-01-31T00:00:00Z: split planned",
    )


def test_a_circle_that_outgrows_its_acknowledgement_says_why_it_is_open() -> None:
    versions = Versions()
    name = only(versions.become("ab")).name
    versions.become("ab", News({name: Acknowledgement(2, "known")}))
    graph = versions.become("abc")
    said = status(only(graph), live_alert(name, said={"reason": "known"}, generation=2), graph)
    assert said["state"] == "Open"
    assert said["acknowledged"]["memberCount"] == 2
    assert ready(said)[1] == "GrewSinceAcknowledged"
    assert ready(said)[2].startswith("the acknowledgement does not cover all members: 3 services")


def test_a_resolved_alert_keeps_telling_what_it_was_and_needs_no_object() -> None:
    versions = Versions()
    versions.become("abc")
    graph = versions.become("")
    alert = only(graph)
    assert next_step(alert, None, graph, INSTANCE, NOW) is None
    said = status(alert, live_alert(alert.name), graph)
    assert (said["state"], said["memberCount"], said["resolvedAt"]) == ("Resolved", 3, "2026-01-01T00:00:00Z")
    assert said["members"] == ["shop/a", "shop/b", "shop/c"]
    assert "edges" not in said


def test_merging_and_splitting_name_the_other_alert() -> None:
    versions = Versions()
    versions.become("ab cd")
    graph = versions.become("abcd")
    lost = next(one for one in graph.alerts if one.state is AlertState.RESOLVED)
    kept = next(one for one in graph.alerts if one.state is AlertState.OPEN)
    said = status(lost, live_alert(lost.name), graph)
    assert said["mergedInto"] == kept.name
    assert ready(said)[1:] == ("MergedInto", f"merged into {kept.name}")

    graph = versions.become("ab cd")
    split = [one for one in graph.alerts if one.split_from]
    assert split
    assert all(status(one, live_alert(one.name), graph)["splitFrom"] == one.split_from for one in split)


@pytest.mark.parametrize("state", ["Open", "Acknowledged"])
def test_an_object_whose_alert_is_unknown_is_left_alone_while_it_is_not_over(state: str) -> None:
    graph = Versions().become("")
    assert next_step(None, live_alert("cycle-1", {"state": state}), graph, INSTANCE, NOW) is None


def test_a_resolved_object_goes_with_its_alert_unless_somebody_wrote_into_it() -> None:
    graph = Versions().become("")
    over = {"state": "Resolved"}
    assert next_step(None, live_alert("cycle-1", over), graph, INSTANCE, NOW) == Delete()
    assert next_step(None, live_alert("cycle-1", over, ACK), graph, INSTANCE, NOW) is None


@pytest.mark.parametrize("instance", [INSTANCE, None])
def test_an_object_that_a_person_made_is_told_that_there_is_no_such_circle(instance: str | None) -> None:
    graph = Versions().become("ab")
    made = live_alert("cycle-of-mine", said=ACK, instance=instance)
    said = status(None, made, graph)
    assert (said["state"], said["observedGeneration"]) == ("NotOpen", 1)
    assert ready(said)[:2] == ("True", "NoSuchCircle")
    told = live_alert("cycle-of-mine", said, ACK, instance=instance)
    assert next_step(None, told, graph, INSTANCE, LATER) is None


def test_objects_of_another_operator_are_never_touched() -> None:
    graph = Versions().become("ab")
    alert = only(graph)
    for status_of_it in ({}, {"state": "Resolved"}, {"state": "NotOpen"}):
        theirs = live_alert(alert.name, status_of_it, instance="another")
        assert next_step(alert, theirs, graph, INSTANCE, NOW) is None
        assert next_step(None, theirs, graph, INSTANCE, NOW) is None
    nobody_s = live_alert(alert.name, instance=None)
    assert next_step(alert, nobody_s, graph, "another", NOW) is None, "it belongs to the default instance"


def test_a_spec_that_cannot_be_used_is_told_so_and_changes_nothing() -> None:
    graph = Versions().become("ab")
    alert = only(graph)
    said = status(alert, live_alert(alert.name, said={"reason": 7}, generation=4), graph)
    assert (said["state"], said["observedGeneration"]) == ("Open", 4)
    assert ready(said) == (
        "False",
        "InvalidSpec",
        "spec.acknowledgement.reason: 7 cannot be used; it takes a string; put it in quotes",
    )


def test_a_large_circle_is_shown_in_part_and_says_so() -> None:
    size = 2_000
    around = [Fact(at, (at + 1) % size) for at in range(size)]
    back = [Fact(at + 1, at, requirement=1) for at in range(0, size - 1, 2)]
    nodes = [Node(service(at), stated=True) for at in range(size)]
    graph = Versions().become(facts=[*around, *back], nodes=nodes)
    alert = only(graph)
    said = status(alert, live_alert(alert.name), graph)
    assert said["truncated"] is True
    assert said["memberCount"] == size
    assert [len(said[field]) for field in ("members", "suggestedCuts", "edges")] == [MAX_SHOWN] * 3
    shown = {(one["source"], one["target"]) for one in said["edges"]}
    assert set(zip(said["witness"], said["witness"][1:], strict=False)) <= shown
    assert said["cut"].endswith(f" and {alert.cut_size - 3} more")
    CycleAlertStatus.model_validate(said, extra="forbid")
    assert len(orjson.dumps(said)) < 32_768


def test_a_long_shortest_circle_is_cut_where_the_list_ends() -> None:
    size = 200
    nodes = [Node(service(at), stated=True) for at in range(size)]
    graph = Versions().become(facts=[Fact(at, (at + 1) % size) for at in range(size)], nodes=nodes)
    alert = only(graph)
    said = status(alert, live_alert(alert.name), graph)
    assert said["truncated"] is True
    assert said["witness"] == [str(service(at)) for at in range(MAX_SHOWN + 1)]
    assert said["path"].endswith(f"({size - 6} more) → {service(0)}")


@given(st.lists(facts(), max_size=30))
def test_any_alert_makes_a_status_that_the_schema_takes_and_from_which_it_can_be_remembered(
    known: list[Fact],
) -> None:
    nodes = [Node(service(at), stated=True) for at in range(8)]
    graph = Versions().become(facts=known, nodes=nodes)
    for alert in graph.alerts:
        said = status(alert, live_alert(alert.name), graph)
        CycleAlertStatus.model_validate(said, extra="forbid")
        told = live_alert(alert.name, orjson.loads(orjson.dumps(said)))
        assert next_step(alert, told, graph, INSTANCE, LATER) is None
        again = remembered(alert.name, said, None)
        assert again == replace(alert, shape=b"", opened_version=0, accepted=False, cut_size=len(alert.cut))
