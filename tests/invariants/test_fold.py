"""The oracle itself, held to examples that can be worked out by hand from the design."""

from __future__ import annotations

import ast
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import oracle.fold
from oracle.bodies import refusal
from oracle.fold import Condition, Folded, Node, fold
from oracle.history import History
from servicegraph.model.observation import StalledObject
from servicegraph.model.translate import translate
from support import lives
from support.specs import RIGHT, WRONG

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def test_the_oracle_shares_no_code_with_the_product() -> None:
    for module in Path(oracle.fold.__file__).parent.glob("*.py"):
        imported = [
            name
            for node in ast.walk(ast.parse(module.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in (getattr(node, "module", None), *(one.name for one in node.names))
        ]
        assert not [name for name in imported if name and name.startswith("servicegraph")], module


def spec(*dependencies: dict[str, Any], **service: Any) -> dict[str, Any]:
    return {"service": {"name": "a", "kind": "Service", **service}, "dependencies": list(dependencies)}


def folded(*bodies: dict[str, Any], seen: tuple[dict[str, Any], ...] = ()) -> Folded:
    history = History()
    history.show(*bodies)
    return fold(history.told(), seen, NOW)


def telemetry(evidence: str, **said: Any) -> dict[str, Any]:
    observed = {"provider": "otel", "group": "http://one", "class": evidence}
    return {**observed, "source": "shop/a", "target": "shop/b", "mode": "Sync", **said}


def test_an_object_names_its_service_and_what_it_calls() -> None:
    stripe = {"name": "api.stripe.com", "kind": "External"}
    graph = folded(lives.body("shop", "one", 1, 1, spec({"name": "b"}, stripe, team="red")))
    assert graph.nodes == {
        "shop/a": Node(team="red", discovered=False),
        "shop/b": Node(),
        "-/api.stripe.com:external": Node(),
    }
    assert set(graph.edges) == {("shop/a", "shop/b"), ("shop/a", "-/api.stripe.com:external")}


def test_of_two_objects_the_older_counts_field_by_field_and_the_younger_is_told() -> None:
    older = lives.body("shop", "z", 1, 1, spec({"name": "b", "mode": "Async"}, team="red"), days=0)
    younger = lives.body("shop", "a", 2, 1, spec({"name": "b", "protocol": "gRPC"}, team="blue"), days=1)
    graph = folded(younger, older)
    assert graph.nodes["shop/a"].team == "red"
    assert graph.edges["shop/a", "shop/b"][:3] == ("gRPC", "Async", "Hard")
    assert graph.conditions["uid-shop-z-1"]["Conflicting"] is None
    told = Condition("True", "AttributesDiffer", frozenset({"shop/z", "team"}))
    assert graph.conditions["uid-shop-a-2"]["Conflicting"] == told


def test_confidence_takes_the_best_of_each_group_and_halves_doubt() -> None:
    said = folded(
        lives.body("shop", "one", 1, 1, spec({"name": "b"})),
        seen=(
            telemetry("both ends", confirmed=False),
            telemetry("one end", provider="tempo"),
            telemetry("flow", provider="other", group="http://two", stale=True),
        ),
    ).edges["shop/a", "shop/b"]
    assert said.confidence == pytest.approx(1 - (1 - 0.95) * (1 - 0.60) * (1 - 0.25))
    assert (said.stale, said.confirmed) == (False, True)


def test_quarantined_evidence_is_heard_only_where_there_is_no_other() -> None:
    quarantined = telemetry("both ends", quarantined=True, mode="Async")
    alone = folded(seen=(quarantined,)).edges["shop/a", "shop/b"]
    assert (alone.quarantined, alone.mode) == (True, "Async")
    beside = folded(seen=(quarantined, telemetry("flow", provider="other"))).edges["shop/a", "shop/b"]
    assert (beside.quarantined, beside.mode) == (False, "Sync")
    assert beside.confidence == pytest.approx(0.5)
    assert beside.providers == {"otel", "other"}


def test_a_refused_generation_leaves_standing_what_the_last_good_one_said() -> None:
    good = lives.body("shop", "one", 1, 1, spec({"name": "b"}))
    bad = lives.body("shop", "one", 1, 2, spec({"name": "a", "namespace": "shop"}))
    graph = folded(good, bad)
    assert set(graph.edges) == {("shop/a", "shop/b")}
    assert graph.conditions["uid-shop-one-1"]["Stalled"] == Condition("True", "SelfDependency")


def test_only_services_can_be_unknown() -> None:
    body = lives.body("shop", "one", 1, 1, spec({"name": "b"}, {"name": "c", "kind": "Queue"}))
    (told,) = folded(body).conditions.values()
    assert told["Resolved"] == Condition("False", "UnknownTargets", frozenset({"shop/b"}))
    (told,) = folded(body, seen=(telemetry("flow"),)).conditions.values()
    assert told["Resolved"] == Condition("True", "AllTargetsKnown")


def test_an_acceptance_counts_until_its_time() -> None:
    def accepted(until: str) -> bool:
        call = {"name": "b", "acceptedCycle": {"reason": "known", "until": until}}
        return folded(lives.body("shop", "one", 1, 1, spec(call))).edges["shop/a", "shop/b"].accepted

    assert accepted("2026-06-02T00:00:00Z")
    assert not accepted("2026-06-01T00:00:00Z")


@pytest.mark.parametrize("name", RIGHT)
def test_what_the_product_accepts_the_oracle_accepts(name: str) -> None:
    assert refusal(lives.body("shop", "one", 1, 1, RIGHT[name])) is None


def test_what_the_oracle_refuses_the_product_refuses_for_the_same_reason() -> None:
    refused = 0
    for wrong in WRONG.values():
        body = lives.body("shop", "one", 1, 1, wrong.spec)
        try:
            reason = refusal(body)
        except (AttributeError, TypeError):
            continue  # of no shape that a test would let live
        if reason is not None:
            verdict = translate(body)
            assert isinstance(verdict, StalledObject)
            assert verdict.reason == reason
            refused += 1
    assert refused > 20
