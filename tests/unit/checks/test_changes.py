"""What is said about changes before they land."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicegraph.checks.changes import Assessment, assess, findings
from servicegraph.checks.finding import EXPLANATIONS, MAX_MESSAGE, Code, Finding, Severity
from servicegraph.checks.manifests import Reading
from servicegraph.checks.near import known_services
from servicegraph.checks.proposal import Proposal, read
from servicegraph.checks.reach import MOST
from servicegraph.checks.targets import resolved
from servicegraph.graph.blank import blank
from servicegraph.graph.columns import NO_OBJECT, Node, ObjectName
from servicegraph.graph.snapshot import build
from servicegraph.model.ids import parse_id
from support import graphs, shop
from support.alerting import BEGINNING
from support.changing import World, alerts_of, graph, proposals, worlds
from support.documents import ROOT
from support.manifests import manifest
from support.reference import Fact

if TYPE_CHECKING:
    from pathlib import Path

    from servicegraph.graph.snapshot import Snapshot


def proposed(*manifests: dict[str, Any], namespace: str = "shop") -> list[Proposal]:
    said = [read(one, namespace, number) for number, one in enumerate(manifests)]
    good = [one for one in said if isinstance(one, Proposal)]
    assert len(good) == len(said), said
    return good


def told(snapshot: Snapshot, *manifests: dict[str, Any], namespace: str = "shop") -> list[Finding]:
    return findings(snapshot, proposed(*manifests, namespace=namespace), now=BEGINNING)


def codes(found: list[Finding]) -> list[Code]:
    return [one.code for one in found]


def stated(*ids: str, **fields: Any) -> Snapshot:
    """A graph of services that are stated and call nobody."""
    return graphs.snapshot([], [Node(parse_id(one), stated=True, **fields) for one in sorted(ids)])


def with_objects() -> Snapshot:
    """`shop/a` calls `shop/b` by gRPC, declared by the object `shop/first`."""
    nodes = [Node(parse_id("shop/a"), stated=True), Node(parse_id("shop/b"), stated=True)]
    facts = [Fact(0, 1, rank=1, protocol=2)]
    objects = [NO_OBJECT, ObjectName("shop", "first")]
    return build(
        graphs.MARK, nodes, graphs.PROVIDERS, graphs.PROTOCOLS, graphs.columns(facts), objects=objects
    )


def test_every_code_is_explained_in_the_order_of_the_numbers() -> None:
    assert list(EXPLANATIONS) == list(Code) == sorted(Code, key=lambda code: code.value)


def test_the_page_has_a_section_for_every_code_and_no_other() -> None:
    page = (ROOT / "docs/findings.md").read_text()
    sections = [line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")]
    assert sections == [code.value for code in Code]
    assert all(code.page == f"docs/findings.md#{code.value.lower()}" for code in Code)
    assert all(explained.means in page and explained.mend in page for explained in EXPLANATIONS.values())


def test_a_clean_change_has_nothing_to_say() -> None:
    assert (
        told(shop.snapshot(), manifest("orders-api", "checkout", {"name": "orders", "kind": "Datastore"}))
        == []
    )


def test_an_edge_that_closes_a_circle_over_what_telemetry_shows_is_told() -> None:
    facts = [Fact(0, 1, provider=3, evidence=3, requirement=0), Fact(1, 2)]
    (one,) = told(graphs.snapshot(facts), {**manifest("s0002", "s0000")})
    assert (one.code, one.severity) == (Code.CLOSES_CIRCLE, Severity.WARNING)
    assert one.message == (
        "closes a circle of 3 (Warning): shop/s0002 → shop/s0000 → shop/s0001 → shop/s0002"
    )
    assert one.field == "spec.dependencies[0]"


def test_edges_that_raise_no_alert_close_no_circle() -> None:
    for fact in (
        Fact(0, 1, provider=1, evidence=2, alertable=False),
        Fact(0, 1, provider=3, evidence=3, quarantined=True),
    ):
        assert told(graphs.snapshot([fact]), manifest("s0001", "s0000")) == []


def test_a_circle_that_is_accepted_is_a_note_until_the_acceptance_ends() -> None:
    until = {"acceptedCycle": {"reason": "known", "until": "2026-01-01T12:00:00Z"}}
    added = proposed(manifest("a", {"name": "b", **until}), manifest("b", "a"))
    (one,) = findings(blank(), added, now=BEGINNING)
    assert one.severity is Severity.NOTE
    assert "its manifests accept it" in one.message
    (one,) = findings(blank(), added, now=BEGINNING + timedelta(days=1))
    assert one.severity is Severity.WARNING


def test_a_circle_that_has_an_alert_is_told_only_when_it_grows() -> None:
    pair = [Fact(0, 1), Fact(1, 0), Fact(1, 2)]
    plain = graphs.snapshot(pair)
    alert = next(iter(alerts_of(plain).alerts.by_name.values()))
    known = build(
        plain.mark, plain.nodes, plain.providers, plain.protocols, graphs.columns(pair), alerts=[alert]
    )
    assert told(known, manifest("s0000", "s0001", "s0002")) == []
    (one,) = told(known, manifest("s0002", "s0000"))
    assert one.code is Code.GROWS_CIRCLE
    assert one.message.startswith(f"grows {alert.name} (Critical): shop/s0002 → shop/s0000 → ")
    assert [str(key) for key in one.path] == [f"shop/s000{n}" for n in (2, 0, 1, 2)]


def test_an_unknown_target_is_told_in_the_words_of_the_condition() -> None:
    snapshot = shop.snapshot()
    (one,) = told(snapshot, manifest("new", "chekout"))
    assert (one.severity, one.candidates) == (Severity.WARNING, ("shop/checkout",))
    verdict = resolved([parse_id("shop/chekout")], known_services(snapshot))
    assert (
        verdict.message
        == "1 target is neither declared nor observed: shop/chekout (did you mean shop/checkout?)"
    )
    assert one.message == "shop/chekout is neither declared nor observed (did you mean shop/checkout?)"


def test_a_service_is_never_said_to_have_meant_itself() -> None:
    (one,) = told(blank(), manifest("web-proxy", "web"))
    assert (one.severity, one.candidates) == (Severity.NOTE, ())
    snapshot, own = stated("shop/web-proxy"), parse_id("shop/web-proxy")
    assert resolved([parse_id("shop/web")], known_services(snapshot), own).message.endswith("shop/web")


def test_a_target_that_a_manifest_beside_it_is_about_is_known_and_may_be_meant() -> None:
    assert told(blank(), manifest("a", "payment"), manifest("payment")) == []
    (one,) = told(blank(), manifest("a", "paymnet"), manifest("payment"))
    assert one.candidates == ("shop/payment",)


def test_an_unknown_target_with_nothing_near_is_a_note() -> None:
    (one,) = told(shop.snapshot(), manifest("new", "quite-unknown"))
    assert (one.severity, one.candidates) == (Severity.NOTE, ())
    assert told(shop.snapshot(), manifest("new", {"name": "quite-unknown", "kind": "Datastore"})) == []


def test_an_application_that_is_set_up_a_second_time_is_no_wall_of_warnings() -> None:
    first = stated("one/web", "one/basket", "one/prices")
    (basket, prices) = told(first, manifest("web", "basket", "prices"), namespace="two")
    assert {basket.severity, prices.severity} == {Severity.NOTE}
    assert basket.candidates == ("one/basket",)
    (alone,) = told(first, manifest("other", "basket"), namespace="two")
    assert alone.severity is Severity.WARNING


def test_a_hard_dependency_on_a_less_critical_service_is_told() -> None:
    snapshot = stated("shop/b", criticality="Medium")
    own = {"criticality": "High"}
    (one,) = told(snapshot, manifest("a", "b", service=own))
    assert one.code is Code.LESS_CRITICAL_TARGET
    assert one.message == "is High, but depends Hard on shop/b, which is Medium"
    for fine in (
        manifest("a", {"name": "b", "requirement": "Soft"}, service=own),
        manifest("a", "b", service={"criticality": "Medium"}),
        manifest("a", "b"),
    ):
        assert told(snapshot, fine) == []
    assert (
        told(snapshot, manifest("a", "b", service=own), manifest("b", service={"criticality": "High"})) == []
    )


def test_a_promise_above_what_hard_targets_allow_is_told_with_the_bound() -> None:
    snapshot = stated("shop/b", "shop/c", target="99.9")
    (one,) = told(snapshot, manifest("a", "b", "c", service={"availabilityTarget": "99.9"}))
    assert (one.code, one.field) == (Code.TARGET_TOO_HIGH, "spec.service.availabilityTarget")
    assert one.message == "promises 99.9 %, its Hard targets allow 99.8001 %: shop/b 99.9 %, shop/c 99.9 %"
    soft = {"name": "c", "requirement": "Soft"}
    events = {"name": "c", "mode": "Async"}
    for fine in (
        manifest("a", "b", "c", service={"availabilityTarget": "99.8001"}),
        manifest("a", "b", soft, service={"availabilityTarget": "99.9"}),
        manifest("a", "b", events, service={"availabilityTarget": "99.9"}),
        manifest("a", "b", "c"),
        manifest("a", "unstated", service={"availabilityTarget": "100"}),
    ):
        assert [one for one in told(snapshot, fine) if one.severity > Severity.NOTE] == []


def test_a_promise_that_is_taken_back_is_not_held_against_the_graph() -> None:
    nodes = [
        Node(parse_id("shop/a"), stated=True, target="99.99", criticality="Critical"),
        Node(parse_id("shop/b"), stated=True, target="99", criticality="Low"),
    ]
    assert told(graphs.snapshot([], nodes), manifest("a", "b")) == []


def test_another_object_that_says_otherwise_is_named() -> None:
    for other, words in (
        ({"protocol": "HTTP"}, "shop/first declares protocol gRPC for shop/a → shop/b, this object HTTP"),
        ({"mode": "Async"}, "shop/first declares mode Sync for shop/a → shop/b, this object Async"),
    ):
        second = manifest("second", {"name": "b", **other}, service={"name": "a"})
        (one,) = told(with_objects(), second)
        assert (one.code, one.message) == (Code.ATTRIBUTES_DIFFER, words)
    assert told(with_objects(), manifest("second", {"name": "b"}, service={"name": "a"})) == []
    assert (
        told(with_objects(), manifest("first", {"name": "b", "mode": "Async"}, service={"name": "a"})) == []
    )


def test_of_two_manifests_that_differ_the_later_is_told() -> None:
    one = manifest("one", "b", service={"name": "a"})
    two = manifest("two", {"name": "b", "mode": "Async"}, service={"name": "a"})
    (found,) = [each for each in told(blank(), one, two) if each.severity > Severity.NOTE]
    assert (found.code, found.manifest) == (Code.ATTRIBUTES_DIFFER, 1)


def test_of_two_manifests_of_one_object_the_last_counts_and_is_told() -> None:
    first, second = manifest("a", "b", "x1"), manifest("a", "b")
    found = told(blank(), manifest("b"), first, second)
    assert codes(found) == [Code.REPEATED_OBJECT]
    assert (found[0].manifest, found[0].related) == (2, ((1, "metadata.name"),))


def test_an_object_that_goes_away_takes_its_edges_and_their_circles_along() -> None:
    added = proposed(manifest("b", "a"))
    before = with_objects()
    assert codes(findings(before, added, now=BEGINNING)) == [Code.CLOSES_CIRCLE]
    gone = assess(before, added, [ObjectName("shop", "first")], now=BEGINNING)
    assert gone.findings == []
    assert [(str(a), str(b)) for a, b in gone.removed] == [("shop/a", "shop/b")]
    assert [(str(a), str(b)) for a, b in gone.added] == [("shop/b", "shop/a")]


def test_very_many_are_affected_and_a_bounded_number_is_named() -> None:
    many = MOST + 500
    snapshot = graphs.snapshot([Fact(at, 0) for at in range(1, many + 1)], many + 1)
    affected = assess(snapshot, proposed(manifest("s0000", "new")), now=BEGINNING).affected
    assert (affected.count, len(affected.nearest)) == (many, MOST)


@given(worlds)
def test_findings_are_the_circles_and_no_message_is_too_long(world: World) -> None:
    before = graph(world.before, world.seen, whole=False)
    done: Assessment = assess(before, proposals(world.added), world.removed, now=BEGINNING)
    circles = [one for one in done.findings if one.code in {Code.CLOSES_CIRCLE, Code.GROWS_CIRCLE}]
    assert sorted(one.path for one in circles) == sorted(one.circle for one in done.circles)
    assert all(len(one.message) <= MAX_MESSAGE and one.message.isprintable() for one in done.findings)


names = st.from_regex(r"[a-z]([a-z0-9-]{0,251}[a-z0-9])?", fullmatch=True)


@given(st.lists(names, min_size=2, max_size=9, unique=True))
def test_long_names_are_cut_in_messages_and_whole_in_paths(ring: list[str]) -> None:
    manifests = [
        manifest("m" + str(at), ring[(at + 1) % len(ring)], service={"name": name})
        for at, name in enumerate(ring)
    ]
    (one,) = told(blank(), *manifests)
    assert len(one.message) <= MAX_MESSAGE
    assert [key.name for key in one.path[:-1]] == ring


@pytest.mark.parametrize(
    "example",
    sorted(path for path in (ROOT / "examples").iterdir() if path.is_dir()),
    ids=lambda path: path.name,
)
def test_the_first_apply_of_an_example_warns_of_its_circle_alone(example: Path) -> None:
    reading = Reading()
    for file in sorted(example.rglob("*.yaml")):
        reading.add_text(file.read_text(), file.name)
    assert reading.findings == []
    for number, new in enumerate(reading.proposals):
        found = findings(blank(), reading.proposals[: number + 1], now=BEGINNING)
        warnings = [one for one in found if one.manifest == new.manifest and one.severity > Severity.NOTE]
        assert {one.code for one in warnings} <= {Code.CLOSES_CIRCLE}
