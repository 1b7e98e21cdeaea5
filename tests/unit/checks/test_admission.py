"""The few lines that kubectl prints about an object."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from servicegraph import bundle
from servicegraph.checks.admission import MOST_WARNINGS, proposed, warnings
from servicegraph.checks.proposal import Proposal
from servicegraph.graph.blank import blank
from servicegraph.local.kubectl import read
from support.manifests import manifest

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EXAMPLES = sorted(folder.name for folder in bundle.folder("examples").iterdir() if folder.is_dir())


def proposal(name: str, *targets: str | dict[str, Any], **service: Any) -> Proposal:
    said = proposed(manifest(name, *targets, service=service), "shop")
    assert isinstance(said, Proposal)
    return said


def told(one: Proposal, *beside: Proposal) -> list[str]:
    lines = warnings(blank(()), one, beside, NOW)
    assert all(len(line) <= 120 for line in lines)
    return lines


def test_nothing_is_said_about_targets_that_nobody_is_like() -> None:
    assert told(proposal("checkout", "payment", "orders")) == []


def test_nothing_is_said_about_what_others_propose() -> None:
    other = proposal("checkout", "payment")
    assert told(proposal("payments"), other) == []
    assert told(other, proposal("payments")) == [
        "SG103 shop/payment is neither declared nor observed (did you mean shop/payments?)"
    ]


def test_an_object_is_not_held_against_its_own_earlier_words() -> None:
    before = proposal("a", "b")
    assert told(proposal("a", {"name": "b", "requirement": "Soft"}), before) == []
    assert told(proposal("b", "a"), before, proposal("b")) == [
        "SG101 closes a circle of 2 (Critical): shop/b → shop/a → shop/b"
    ]


def test_an_accepted_circle_is_worth_no_line() -> None:
    accepted = {"name": "a", "acceptedCycle": {"reason": "split planned"}}
    assert told(proposal("b", accepted), proposal("a", "b")) == []


def test_many_findings_are_counted_in_the_last_line() -> None:
    known = [proposal(f"service-{number:02}x", criticality="Low") for number in range(12)]
    near = [f"service-{number:02}" for number in range(12)]
    assert len(told(proposal("caller", *near[:MOST_WARNINGS]), *known)) == MOST_WARNINGS
    lines = told(proposal("caller", *near), *known)
    assert len(lines) == MOST_WARNINGS
    assert lines[-1] == "and SG103 (8); `servicegraph check` tells them all"


def test_what_the_operator_refuses_is_said_alone() -> None:
    itself = {"name": "alone", "namespace": "shop"}
    said = proposed(manifest("alone", itself), "shop")
    assert not isinstance(said, Proposal)
    (line,) = warnings(blank(()), said, (), NOW)
    assert line.startswith("SG002 ")


def application(name: str) -> list[Proposal]:
    bodies = [one for one in read(bundle.folder("examples") / name) if one["kind"] == "ServiceDependency"]
    found = []
    for body in bodies:
        said = proposed(body, body["metadata"]["namespace"])
        assert isinstance(said, Proposal)
        found.append(said)
    return found


def lines_of(objects: Sequence[Proposal]) -> list[str]:
    """All that is printed when objects are applied to an empty graph one after the other."""
    return [line for at, one in enumerate(objects) for line in told(one, *objects[:at])]


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_whole_new_application_makes_no_wall_of_warnings(example: str) -> None:
    objects = application(example)
    for order in (objects, objects[::-1]):
        lines = lines_of(order)
        assert len(lines) <= max(1, len(objects) // 10), lines
        assert not [line for line in lines if not line.startswith(("SG101", "SG103"))], lines


def test_what_is_remembered_says_nothing_of_itself_even_where_it_closes_a_circle() -> None:
    circle = [proposal("a", "b"), proposal("b", "a")]
    assert told(replace(proposal("c"), manifest=0), *circle) == []
