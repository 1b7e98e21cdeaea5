"""What the status of an object should say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicegraph.checks.observing import Watcher
from servicegraph.graph.columns import Node
from servicegraph.graph.conflicts import Conflict, Conflicts, Difference
from servicegraph.model.ids import ServiceKey
from servicegraph.model.status import ServiceDependencyStatus
from servicegraph.writeback.desired import desired, differs
from servicegraph.writeback.judged import NOT_ACCEPTED
from servicegraph.writeback.live import LiveObject
from servicegraph.writeback.standing import Stalled, Standing, Stored, Waiting
from support.bodies import body
from support.cyclealerts import Versions, only
from support.graphs import MARK, SEES, snapshot
from support.reference import Fact

if TYPE_CHECKING:
    from servicegraph.graph.snapshot import Snapshot

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=5)
GRAPH = snapshot([], [Node(ServiceKey("", "shop", name, "Service"), stated=True) for name in ("a", "b")])
VERSION = MARK.version
UNSEEN = snapshot([Fact(0, 1)], GRAPH.nodes)
SEEN = snapshot([Fact(0, 1), Fact(0, 1, provider=3, evidence=3, requirement=0)], GRAPH.nodes)
WATCHED = (Watcher(SEES, NOW),)
LOST = Conflict("shop/old", "shop/a → shop/b", (Difference("mode", "Async", "Sync"),))
CONFLICTED = replace(GRAPH, conflicts={"uid-shop-a": Conflicts((LOST,), 1)})


def live(
    status: dict[str, Any] | None = None, generation: int = 1, targets: tuple[str, ...] = ("b",)
) -> LiveObject:
    shown = body("a", generation=generation, targets=targets)
    return LiveObject.of({**shown, "status": status or shown["status"]})


def conditions(status: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {one["type"]: (one["status"], one["reason"]) for one in status["conditions"]}


def test_a_stored_object_is_ready_and_resolved() -> None:
    status = desired(live(), Stored(1, VERSION), GRAPH, NOW)
    assert conditions(status) == {
        "Ready": ("True", "Stored"),
        "Resolved": ("True", "AllTargetsKnown"),
        "Observed": ("Unknown", "NoProvider"),
        "InCycle": ("False", "NotInCycle"),
    }
    assert status["observedGeneration"] == 1
    assert status["graphVersion"] == VERSION
    assert status["summary"] == {
        "declared": 1,
        "observed": 0,
        "unobserved": 0,
        "undeclared": 0,
        "unresolved": 0,
    }
    assert {one["observedGeneration"] for one in status["conditions"]} == {1}
    assert {one["lastTransitionTime"] for one in status["conditions"]} == {"2026-03-01T12:00:00Z"}


def test_an_unknown_target_leaves_the_object_ready() -> None:
    status = desired(live(targets=("b", "nobody")), Stored(1, VERSION), GRAPH, NOW)
    assert conditions(status)["Ready"] == ("True", "Stored")
    assert conditions(status)["Resolved"] == ("False", "UnknownTargets")
    assert status["summary"]["unresolved"] == 1
    assert status["summary"]["declared"] == 2


def test_targets_are_not_judged_by_a_graph_that_does_not_hold_them() -> None:
    for graph in (None, GRAPH):
        status = desired(live(), Stored(1, VERSION + 1), graph, NOW)
        assert conditions(status)["Resolved"] == ("Unknown", "NotEvaluated")
        assert "unresolved" not in status["summary"]


def test_a_restart_finds_nothing_to_write_even_before_the_graph_is_loaded() -> None:
    status = desired(live(targets=("nobody",)), Stored(1, VERSION), GRAPH, NOW)
    again = desired(live(status, targets=("nobody",)), Stored(1, VERSION), None, LATER)
    assert not differs(status, again)


def test_what_telemetry_says_is_on_the_object_and_in_its_numbers() -> None:
    status = desired(live(), Stored(1, VERSION), UNSEEN, NOW, WATCHED)
    assert conditions(status)["Observed"] == ("False", "NeverObserved")
    assert status["summary"] == {
        "declared": 1,
        "observed": 0,
        "unobserved": 1,
        "undeclared": 0,
        "unresolved": 0,
    }
    status = desired(live(status), Stored(1, VERSION), SEEN, LATER, WATCHED)
    assert conditions(status)["Observed"] == ("True", "AllObserved")
    assert status["summary"] == {
        "declared": 1,
        "observed": 1,
        "unobserved": 0,
        "undeclared": 0,
        "unresolved": 0,
    }


def test_a_target_that_need_not_be_seen_is_not_missing() -> None:
    shown = body("a", targets=("b",))
    shown["spec"]["dependencies"][0]["observation"] = "Optional"
    status = desired(LiveObject.of(shown), Stored(1, VERSION), UNSEEN, NOW, WATCHED)
    assert conditions(status)["Observed"] == ("True", "AllObserved")


def test_what_telemetry_said_stays_until_it_is_known_which_sources_there_are() -> None:
    status = desired(live(), Stored(1, VERSION), UNSEEN, NOW, WATCHED)
    for graph, watchers in ((UNSEEN, None), (None, WATCHED), (None, None)):
        assert not differs(status, desired(live(status), Stored(1, VERSION), graph, LATER, watchers))
    unknown = desired(live(status, generation=2), Stored(2, VERSION), UNSEEN, LATER, None)
    assert conditions(unknown)["Observed"] == ("Unknown", "NotEvaluated")
    assert unknown["summary"] == {"declared": 1, "unresolved": 0}


def test_a_condition_keeps_its_time_until_its_status_changes() -> None:
    before = desired(live(targets=("nobody",)), Stored(1, VERSION), GRAPH, NOW)
    after = desired(live(before, generation=2), Stored(2, VERSION), GRAPH, LATER)
    times = {one["type"]: one["lastTransitionTime"] for one in after["conditions"]}
    assert times["Ready"] == "2026-03-01T12:00:00Z"
    assert times["Resolved"] == "2026-03-01T17:00:00Z"
    assert {one["observedGeneration"] for one in after["conditions"]} == {2}


def test_a_generation_that_is_not_the_newest_is_reported_as_what_it_is() -> None:
    status = desired(live(generation=4), Stored(3, VERSION), GRAPH, NOW)
    assert status["observedGeneration"] == 3


def test_a_stalled_object_says_why_and_keeps_what_its_last_good_generation_was_told() -> None:
    good = desired(live(targets=("nobody",)), Stored(1, VERSION), GRAPH, NOW)
    bad = desired(live(good, generation=2), Stalled(2, "SelfDependency", "it is itself"), GRAPH, LATER)
    said = conditions(bad)
    assert said["Ready"] == ("False", "SelfDependency")
    assert said["Stalled"] == ("True", "SelfDependency")
    assert said["Resolved"] == conditions(good)["Resolved"]
    assert bad["summary"] == good["summary"]
    assert bad["graphVersion"] == good["graphVersion"]
    assert bad["observedGeneration"] == 2
    mended = desired(live(bad, generation=3), Stored(3, VERSION + 1), GRAPH, LATER)
    assert "Stalled" not in conditions(mended)
    assert conditions(mended)["Ready"] == ("True", "Stored")


def test_an_object_that_was_never_good_claims_nothing_about_its_targets() -> None:
    status = desired(live(), Stalled(1, "InvalidSpec", "spec.service: is required"), GRAPH, NOW)
    assert conditions(status)["Resolved"] == ("Unknown", "NotEvaluated")
    assert "summary" not in status
    assert "graphVersion" not in status


def test_an_object_that_waits_says_so_and_keeps_the_generation_that_was_answered() -> None:
    good = desired(live(), Stored(1, VERSION), GRAPH, NOW)
    waiting = desired(live(good, generation=2), Waiting("StoreUnavailable", "no answer"), GRAPH, LATER)
    assert conditions(waiting) == {**conditions(good), "Reconciling": ("True", "StoreUnavailable")}
    assert waiting["observedGeneration"] == 1
    assert waiting["graphVersion"] == good["graphVersion"]
    stored = desired(live(waiting, generation=2), Stored(2, VERSION), GRAPH, LATER)
    assert "Reconciling" not in conditions(stored)


def test_an_object_that_waits_at_first_sight_has_all_its_conditions() -> None:
    waiting = desired(live(), Waiting("StoreUnavailable", "no answer"), None, NOW)
    assert conditions(waiting) == {
        "Ready": ("Unknown", "StoreUnavailable"),
        "Resolved": ("Unknown", "NotEvaluated"),
        "Observed": ("Unknown", "NotEvaluated"),
        "InCycle": ("Unknown", "NotEvaluated"),
        "Reconciling": ("True", "StoreUnavailable"),
    }
    assert waiting["observedGeneration"] == -1


def test_an_outage_says_nothing_on_objects_whose_generation_was_answered() -> None:
    good = desired(live(), Stored(1, VERSION), GRAPH, NOW)
    assert not differs(good, desired(live(good), Waiting("StoreUnavailable", "no answer"), None, LATER))


def test_an_object_whose_word_does_not_count_is_ready_and_says_that_it_conflicts_as_long_as_it_does() -> None:
    status = desired(live(), Stored(1, VERSION), CONFLICTED, NOW)
    assert conditions(status)["Ready"] == ("True", "Stored")
    assert conditions(status)["Conflicting"] == ("True", "AttributesDiffer")
    assert "shop/old declares mode Async for shop/a → shop/b" in status["conditions"][-1]["message"]
    assert "Conflicting" not in conditions(desired(live(status), Stored(1, VERSION), GRAPH, LATER))


def test_a_conflict_is_not_denied_before_the_graph_is_loaded() -> None:
    status = desired(live(), Stored(1, VERSION), CONFLICTED, NOW)
    assert not differs(status, desired(live(status), Stored(1, VERSION), None, LATER))
    changed = desired(live(status, generation=2), Stored(2, VERSION + 1), None, LATER)
    assert "Conflicting" not in conditions(changed), "nobody knows yet of what is said now"


def test_a_refused_object_conflicts_by_what_its_last_good_generation_said() -> None:
    good = desired(live(), Stored(1, VERSION), CONFLICTED, NOW)
    bad = desired(live(good, generation=2), Stalled(2, "SelfDependency", "it is itself"), CONFLICTED, LATER)
    by_type = {one["type"]: one for one in bad["conditions"]}
    assert by_type["Conflicting"]["observedGeneration"] == 1
    assert by_type["Stalled"]["observedGeneration"] == 2
    for graph, applies in ((None, True), (CONFLICTED, True), (GRAPH, False)):
        again = desired(live(bad, generation=2), Stalled(2, "SelfDependency", "it is itself"), graph, LATER)
        assert ("Conflicting" in conditions(again)) is applies


def test_conditions_of_others_make_no_difference() -> None:
    good = desired(live(), Stored(1, VERSION), GRAPH, NOW)
    foreign = {**good, "conditions": [{"type": "Blessed", "status": "True"}, *reversed(good["conditions"])]}
    assert not differs(foreign, good)


def test_a_status_that_somebody_edited_differs() -> None:
    good = desired(live(), Stored(1, VERSION), GRAPH, NOW)
    first, *rest = good["conditions"]
    for edited in (
        {**good, "graphVersion": 99},
        {**good, "summary": {}},
        {**good, "conditions": rest},
        {**good, "conditions": [{**first, "message": "x"}, *rest]},
        {"observedGeneration": -1},
        {},
    ):
        assert differs(edited, good)


def test_a_message_that_is_no_unicode_is_written_as_the_server_would_keep_it() -> None:
    status = desired(live(), Stalled(1, "InternalError", "bad \ud800"), None, NOW)
    assert status["conditions"][0]["message"] == "bad ?"


@pytest.mark.parametrize("conditions", [7, "x", {}, [None], [[]], [{}], [{"type": ["Ready"]}]])
def test_conditions_that_are_none_are_passed_over(conditions: object) -> None:
    found = live({"conditions": conditions})
    wanted = desired(found, Stored(1, VERSION), GRAPH, NOW)
    assert wanted["conditions"] == desired(live(), Stored(1, VERSION), GRAPH, NOW)["conditions"]
    assert differs(found.status, wanted)


standings = st.one_of(
    st.builds(Stored, st.integers(1, 3), st.integers(0, VERSION + 2)),
    st.builds(Stalled, st.integers(1, 3), st.sampled_from(["InvalidSpec", "SelfDependency"]), st.text()),
    st.builds(Waiting, st.just("StoreUnavailable"), st.sampled_from(["no answer", "read only"])),
)


@given(
    st.lists(
        st.tuples(st.integers(1, 3), standings, st.sampled_from([None, GRAPH, CONFLICTED])),
        min_size=1,
        max_size=5,
    )
)
def test_whatever_came_before_a_status_fits_the_schema_and_asking_again_changes_nothing(
    steps: list[tuple[int, Standing, Snapshot | None]],
) -> None:
    status: dict[str, Any] | None = None
    for generation, standing, graph in steps:
        status = desired(live(status, generation), standing, graph, NOW)
        ServiceDependencyStatus.model_validate(status, extra="forbid")
        assert not differs(status, desired(live(status, generation), standing, graph, LATER))
        types = [one["type"] for one in status["conditions"]]
        assert len(types) == len(set(types))
        assert types[:1] == ["Ready"]


CIRCLE = Versions().become("ab")
IN_CIRCLE = Stored(1, CIRCLE.mark.version)


def test_an_object_that_declares_an_edge_of_a_circle_is_told_and_stays_ready() -> None:
    status = desired(live(), IN_CIRCLE, CIRCLE, NOW)
    name = only(CIRCLE).name
    assert status["cycles"] == [name]
    assert conditions(status)["InCycle"] == ("True", "PartOfCycle")
    assert conditions(status)["Ready"] == ("True", "Stored")
    (told,) = [one for one in status["conditions"] if one["type"] == "InCycle"]
    assert told["message"] == f"{name} (Critical): shop/a → shop/b → shop/a"
    assert not differs(status, desired(live(status), IN_CIRCLE, CIRCLE, LATER))


def test_a_circle_that_is_gone_is_taken_back() -> None:
    before = desired(live(), IN_CIRCLE, CIRCLE, NOW)
    after = desired(live(before), IN_CIRCLE, replace(GRAPH, mark=CIRCLE.mark), LATER)
    assert "cycles" not in after
    assert conditions(after)["InCycle"] == ("False", "NotInCycle")
    assert differs(before, after)


def test_the_list_of_circles_is_compared_too() -> None:
    status = desired(live(), IN_CIRCLE, CIRCLE, NOW)
    assert differs({**status, "cycles": ["cycle-of-somebody"]}, status)


def test_without_a_graph_a_circle_stays_as_it_was_last_seen() -> None:
    before = desired(live(), IN_CIRCLE, CIRCLE, NOW)
    after = desired(live(before), IN_CIRCLE, None, LATER)
    assert not differs(before, after)
    younger = desired(live(before, generation=2), Stored(2, CIRCLE.mark.version + 1), CIRCLE, LATER)
    assert conditions(younger)["InCycle"] == ("Unknown", "NotEvaluated")


def test_a_refused_object_is_told_of_circles_that_its_last_good_generation_is_part_of() -> None:
    refused = Stalled(2, "SelfDependency", "it is itself")
    good = desired(live(), Stored(1, VERSION), GRAPH, NOW)
    closed = desired(live(good, generation=2, targets=()), refused, CIRCLE, LATER)
    assert conditions(closed)["InCycle"] == ("True", "PartOfCycle")
    assert closed["cycles"] == [only(CIRCLE).name]
    opened = desired(live(closed, generation=2, targets=()), refused, GRAPH, LATER)
    assert conditions(opened)["InCycle"] == ("False", "NotInCycle")


def test_an_object_that_never_was_good_is_in_no_circle_that_others_declare() -> None:
    refused = desired(live(), Stalled(1, "InvalidSpec", "no"), CIRCLE, NOW)
    assert conditions(refused)["InCycle"] == ("Unknown", "NotEvaluated")


def test_an_object_that_never_was_good_points_at_what_is_wrong_with_it_even_if_it_had_to_wait_first() -> None:
    waited = desired(live(), Waiting("StoreUnavailable", "no answer"), None, NOW)
    for before in (None, waited):
        refused = desired(live(before), Stalled(1, "InvalidSpec", "no"), CIRCLE, LATER)
        told = [one["message"] for one in refused["conditions"] if one["status"] == "Unknown"]
        assert told == [NOT_ACCEPTED] * 3
        assert not differs(refused, desired(live(refused), Stalled(1, "InvalidSpec", "no"), CIRCLE, LATER))
