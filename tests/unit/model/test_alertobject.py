"""What is read out of a CycleAlert: what a person says on it, and what the operator once wrote there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from servicegraph.errors import BadInput
from servicegraph.model.alert import Acknowledgement, AlertReason, AlertState, Severity
from servicegraph.model.alertobject import acknowledgement_of, remembered
from servicegraph.model.ids import ServiceKey

A, B = (ServiceKey("", "shop", name, "Service") for name in "ab")
TOLD: dict[str, Any] = {
    "observedGeneration": 2,
    "state": "Open",
    "severity": "Warning",
    "members": ["shop/a", "shop/b"],
    "witness": ["shop/a", "shop/b", "shop/a"],
    "openedAt": "2026-01-01T00:00:00Z",
    "acknowledged": {"generation": 2, "memberCount": 1, "membersHash": "0123456789ab"},
}
SAID = Acknowledgement(2, "known")


def body(spec: Any, generation: int = 2) -> dict[str, Any]:
    return {"metadata": {"name": "cycle-1", "generation": generation}, "spec": spec}


def ready(reason: str) -> list[dict[str, str]]:
    return [
        {
            "type": "Ready",
            "status": "True",
            "reason": reason,
            "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
    ]


@pytest.mark.parametrize("spec", [None, {}, {"acknowledgement": None}, {"somethingNew": True}])
def test_a_spec_without_an_acknowledgement_says_nothing(spec: Any) -> None:
    assert acknowledgement_of(body(spec)) is None


def test_an_acknowledgement_is_read_with_its_generation() -> None:
    spec = {"acknowledgement": {"reason": "known", "by": "ana", "until": "2027-01-31T01:00:00+01:00"}}
    assert acknowledgement_of(body(spec)) == Acknowledgement(
        2, "known", "ana", datetime(2027, 1, 31, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"by": "ana"}, "spec.acknowledgement.reason"),
        ({"reason": ""}, "spec.acknowledgement.reason"),
        ({"reason": "x", "until": "2027-02-30T00:00:00Z"}, "spec.acknowledgement.until"),
        ({"reason": "x", "by": " ana"}, "spec.acknowledgement.by"),
        ("known", "spec.acknowledgement"),
    ],
)
def test_what_cannot_be_used_is_named(wrong: Any, field: str) -> None:
    with pytest.raises(BadInput, match=field):
        acknowledgement_of(body({"acknowledgement": wrong}))


def test_an_open_alert_is_remembered_with_why_its_acknowledgement_ended() -> None:
    alert = remembered("cycle-1", {**TOLD, "conditions": ready("GrewSinceAcknowledged")}, SAID)
    assert alert is not None
    assert (alert.members, alert.severity, alert.state) == ((A, B), Severity.WARNING, AlertState.OPEN)
    assert alert.acknowledgement is not None
    assert alert.acknowledgement.ended is AlertReason.GREW_SINCE_ACKNOWLEDGED


def test_an_acknowledged_alert_is_remembered_as_such() -> None:
    alert = remembered("cycle-1", {**TOLD, "state": "Acknowledged"}, SAID)
    assert alert is not None
    assert alert.acknowledgement == Acknowledgement(2, "known", members=(A, B))


def test_words_that_the_status_does_not_know_of_are_news_to_come() -> None:
    alert = remembered("cycle-1", TOLD, Acknowledgement(3, "another reason"))
    assert alert is not None
    assert alert.acknowledgement is None


def test_a_resolved_alert_is_remembered_with_the_members_it_had() -> None:
    alert = remembered("cycle-1", {**TOLD, "state": "Resolved", "resolvedAt": "2026-02-01T00:00:00Z"}, None)
    assert alert is not None
    assert (alert.members, alert.members_when_resolved) == ((), (A, B))
    assert alert.resolved_at == datetime(2026, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"observedGeneration": -1},
        {"state": "NotOpen"},
        {**TOLD, "state": "Somehow"},
        {**TOLD, "members": []},
        {**TOLD, "members": ["no id"]},
        {**TOLD, "openedAt": "yesterday"},
        {**TOLD, "suggestedCuts": [{"source": "?", "target": "shop/b", "reason": "Soft"}]},
    ],
)
def test_a_status_that_tells_of_no_alert_is_passed_over(status: dict[str, Any]) -> None:
    assert remembered("cycle-1", status, None) is None
