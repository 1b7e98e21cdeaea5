from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest

from servicegraph.graph.alerts import Alerts, Moment, diff
from servicegraph.graph.columns import Node
from servicegraph.graph.deadlines import forgettable, over
from servicegraph.graph.telling import path
from servicegraph.model.alert import Acknowledgement
from servicegraph.model.ids import ServiceKey
from support.alerting import BEGINNING, LETTERS, NODES, Story, circles, names, wired
from support.circles import Tie

KNOWN = Acknowledgement(2, "known, split planned", by="ana")


def hashed(letters: str) -> str:
    ids = "\n".join(f"shop/{letter}" for letter in letters)
    return "cycle-" + hashlib.sha256(ids.encode()).hexdigest()[:12]


@pytest.fixture
def story() -> Story:
    return Story()


def test_a_circle_opens_an_alert_named_after_its_members(story: Story) -> None:
    assert story.goes_on("abc") == [(hashed("abc"), "CycleOpened", "NewCircle")]
    alert = story.alert(hashed("abc"))
    assert (alert.state, alert.reason, alert.severity) == ("Open", "NotAcknowledged", "Critical")
    assert alert.ids == ["shop/a", "shop/b", "shop/c"]
    assert (alert.opened_version, alert.opened_at) == (1, story.now)
    assert story.messages() == [
        (
            "3 services depend on each other in a circle (Critical): shop/a → shop/b → shop/c → shop/a; "
            "cheapest way out: remove shop/a → shop/b (Sync and Hard)"
        )
    ]


def test_a_name_is_made_of_the_sorted_ids_whatever_the_order_of_keys_is() -> None:
    nodes = (
        Node(ServiceKey("", "a", "x", "Service"), stated=True),
        Node(ServiceKey("", "a-b", "x", "Datastore"), stated=True),
    )
    both = diff(Alerts.of([]), circles({(0, 1): Tie(), (1, 0): Tie()}, nodes), Moment(1, BEGINNING))
    ids = "a-b/x:datastore\na/x"
    assert list(both.alerts.by_name) == ["cycle-" + hashlib.sha256(ids.encode()).hexdigest()[:12]]
    (alert,) = both.changed
    assert [str(key) for key in alert.witness] == ["a-b/x:datastore", "a/x", "a-b/x:datastore"]


def test_the_same_graph_again_changes_nothing(story: Story) -> None:
    story.goes_on("abc de")
    assert story.goes_on("abc de") == []
    assert story.last is not None
    assert story.last.changed == ()


def test_edges_outside_of_circles_change_nothing(story: Story) -> None:
    story.goes_on("abc de")
    assert story.goes_on(wired("abc de") | {(0, 8): Tie(), (8, 3): Tie()}) == []
    assert story.last is not None
    assert story.last.changed == ()


def test_a_circle_that_is_cut_is_resolved_and_keeps_what_it_was(story: Story) -> None:
    story.goes_on("abc")
    assert story.goes_on("") == [(hashed("abc"), "CycleResolved", "NoCircleLeft")]
    alert = story.alert(hashed("abc"))
    assert (alert.members, names(alert.members_when_resolved)) == ((), "abc")
    assert (alert.resolved_version, alert.resolved_at) == (2, story.now)
    assert alert.ids == ["shop/a", "shop/b", "shop/c"]
    assert story.messages() == ["shop/a, shop/b, shop/c do not depend on each other in a circle any more"]


def test_growing_and_shrinking_keep_the_alert_and_its_name(story: Story) -> None:
    story.goes_on("ab")
    assert story.goes_on("abcd") == [(hashed("ab"), "CycleGrew", "MembersJoined")]
    assert story.messages()[0].startswith("shop/c, shop/d joined the circle; 4 services, Critical: ")
    assert story.goes_on("abc") == [(hashed("ab"), "CycleShrank", "MembersLeft")]
    assert story.messages()[0].startswith("shop/d left the circle; 3 services remain, Critical: ")
    assert names(story.alert(hashed("ab")).members) == "abc"


def test_members_that_come_while_others_go_make_it_grow(story: Story) -> None:
    story.goes_on("abc")
    assert story.goes_on("bcd") == [(hashed("abc"), "CycleGrew", "MembersJoined")]
    assert story.messages()[0].startswith("shop/d joined the circle; shop/a left it; 3 services")


def test_another_severity_alone_is_stored_and_not_told(story: Story) -> None:
    story.goes_on("abc")
    assert story.goes_on(wired("abc") | {(2, 0): Tie(2)}) == []
    assert story.alert(hashed("abc")).severity == "Info"
    assert [str(cut) for cut in story.alert(hashed("abc")).cut] == ["shop/c → shop/a"]


def test_the_larger_of_two_merged_circles_goes_on_and_the_other_says_where(story: Story) -> None:
    story.goes_on("ab cde")
    assert story.goes_on("ab cde bc") == sorted(
        [
            (hashed("ab"), "CycleResolved", "MergedInto"),
            (hashed("cde"), "CycleGrew", "Merged"),
        ]
    )
    assert story.alert(hashed("ab")).merged_into == hashed("cde")
    assert names(story.alert(hashed("cde")).members) == "abcde"
    assert any(f"{hashed('ab')} became part of it" in message for message in story.messages())


def test_of_two_equal_circles_that_merge_the_one_with_the_smallest_id_goes_on(story: Story) -> None:
    story.goes_on("cd ab")
    story.goes_on("abcd")
    assert names(story.alert(hashed("ab")).members) == "abcd"
    assert story.alert(hashed("cd")).merged_into == hashed("ab")


def test_the_largest_piece_of_a_split_keeps_the_alert_and_the_others_say_where_they_come_from(
    story: Story,
) -> None:
    story.goes_on("abcde")
    assert story.goes_on("ab cde") == sorted(
        [
            (hashed("ab"), "CycleOpened", "SplitFrom"),
            (hashed("abcde"), "CycleShrank", "Split"),
        ]
    )
    assert names(story.alert(hashed("abcde")).members) == "cde"
    assert story.alert(hashed("ab")).split_from == hashed("abcde")


def test_of_two_equal_pieces_the_one_with_the_smallest_id_keeps_the_alert(story: Story) -> None:
    story.goes_on("acbd")
    story.goes_on("bd ac")
    assert names(story.alert(hashed("abcd")).members) == "ac"
    assert story.alert(hashed("bd")).split_from == hashed("abcd")


def test_pieces_that_are_merged_and_split_again_are_the_alerts_that_they_were(story: Story) -> None:
    story.goes_on("ab cde")
    story.goes_on("ab cde bc")
    assert story.goes_on("ab cde") == sorted(
        [
            (hashed("ab"), "CycleOpened", "SplitFrom"),
            (hashed("cde"), "CycleShrank", "Split"),
        ]
    )
    back = story.alert(hashed("ab"))
    assert (back.split_from, back.merged_into, back.members_when_resolved) == (hashed("cde"), None, ())


def test_two_overlapping_circles_are_one_and_lose_their_common_service_together(story: Story) -> None:
    story.goes_on("abc cde")
    (name,) = story.alerts.by_name
    assert names(story.alert(name).members) == "abcde"
    story.goes_on("abc")
    assert names(story.alert(name).members) == "abc"


def test_a_name_that_another_alert_still_has_gets_a_number(story: Story) -> None:
    story.goes_on("ab")
    story.goes_on("ab abcde")
    # The larger piece keeps the alert called after {a, b}, so the new {a, b} needs another name.
    assert story.goes_on("ab cde") == sorted(
        [
            (hashed("ab"), "CycleShrank", "Split"),
            (hashed("ab") + "-2", "CycleOpened", "SplitFrom"),
        ]
    )
    assert names(story.alert(hashed("ab")).members) == "cde"
    story.goes_on("")
    story.goes_on("ab")
    assert names(story.alert(hashed("ab") + "-2").members) == "ab"


def test_the_name_of_a_resolved_alert_is_taken_for_as_long_as_it_is_kept(story: Story) -> None:
    story.goes_on("ab")
    story.goes_on("abc")
    story.goes_on("")
    assert story.goes_on("ab") == [(hashed("ab") + "-2", "CycleOpened", "NewCircle")]
    story.goes_on("")
    kept = [alert for name, alert in story.alerts.by_name.items() if name != hashed("ab")]
    story.alerts = Alerts.of(kept)
    assert story.goes_on("abc") == [(hashed("abc"), "CycleOpened", "NewCircle")]


def test_the_members_it_had_when_it_was_resolved_open_the_same_alert_again(story: Story) -> None:
    story.goes_on("ab")
    story.goes_on("abc")
    story.goes_on("")
    assert story.goes_on("abc") == [(hashed("ab"), "CycleOpened", "CircleIsBack")]
    alert = story.alert(hashed("ab"))
    assert (alert.opened_version, alert.resolved_version, alert.state) == (4, None, "Open")


def test_of_two_alerts_resolved_with_the_same_members_the_last_one_is_opened_again(story: Story) -> None:
    story.goes_on("abc")
    story.goes_on("")
    story.goes_on("abcd")
    story.goes_on("abc")
    story.goes_on("")
    assert story.goes_on("abc") == [(hashed("abcd"), "CycleOpened", "CircleIsBack")]


def test_an_acknowledgement_covers_the_members_of_its_time(story: Story) -> None:
    story.goes_on("abc")
    name = hashed("abc")
    assert story.goes_on("abc", {name: KNOWN}) == [(name, "CycleAcknowledged", "AcknowledgedOnAlert")]
    assert story.messages() == ["acknowledged by ana: known, split planned"]
    assert story.goes_on("abc", {name: KNOWN}) == []
    assert story.goes_on("ab") == [(name, "CycleShrank", "MembersLeft")]
    assert story.alert(name).state == "Acknowledged"
    assert story.goes_on("abc") == [(name, "CycleGrew", "MembersJoined")]
    assert story.alert(name).state == "Acknowledged"


def test_a_circle_that_grew_since_it_was_acknowledged_is_open_until_somebody_looks_again(
    story: Story,
) -> None:
    story.goes_on("abc")
    name = hashed("abc")
    story.goes_on("abc", {name: KNOWN})
    assert story.goes_on("abcd") == [(name, "CycleGrew", "GrewSinceAcknowledged")]
    assert (story.alert(name).state, story.alert(name).reason) == ("Open", "GrewSinceAcknowledged")
    # It shrinks again, which is no reason to go silent: it would flap.
    story.goes_on("abc", {name: KNOWN})
    assert story.alert(name).state == "Open"
    again = replace(KNOWN, generation=3)
    assert story.goes_on("abc", {name: again}) == [(name, "CycleAcknowledged", "AcknowledgedOnAlert")]


def test_an_acknowledgement_that_comes_with_the_growth_covers_what_its_author_saw(story: Story) -> None:
    story.goes_on("abc")
    name = hashed("abc")
    assert story.goes_on("abcd", {name: KNOWN}) == [(name, "CycleGrew", "MembersJoined")]
    assert (story.alert(name).state, story.alert(name).reason) == ("Open", "GrewSinceAcknowledged")


def test_an_acknowledgement_taken_back_opens_the_alert_again(story: Story) -> None:
    story.goes_on("abc")
    name = hashed("abc")
    story.goes_on("abc", {name: KNOWN})
    assert story.goes_on("abc", {name: None}) == [(name, "CycleOpened", "NotAcknowledged")]
    assert story.messages()[0].startswith("no longer acknowledged: 3 services")


def test_time_ends_an_acknowledgement_only_when_it_is_told_so(story: Story) -> None:
    story.goes_on("abc")
    name = hashed("abc")
    until = replace(KNOWN, until=story.now + timedelta(hours=3))
    story.goes_on("abc", {name: until})
    assert story.messages() == ["acknowledged by ana until 2026-01-01T04:00:00Z: known, split planned"]
    alerts = story.alerts.by_name.values()
    assert over(alerts, BEGINNING + timedelta(hours=4, seconds=-1)) == []
    assert over(alerts, BEGINNING + timedelta(hours=4)) == [name]
    story.version += 9
    assert story.goes_on("abc") == []
    assert story.goes_on("abc", over=(name,)) == [(name, "CycleOpened", "AcknowledgementExpired")]
    assert over(story.alerts.by_name.values(), story.now) == []
    assert story.goes_on("abc", {name: until}) == []


def test_an_acknowledgement_that_was_over_before_it_was_seen_acknowledges_nothing(story: Story) -> None:
    story.goes_on("abc")
    name = hashed("abc")
    assert story.goes_on("abc", {name: replace(KNOWN, until=story.now)}) == []
    assert story.alert(name).reason == "AcknowledgementExpired"


def test_an_acknowledgement_outlives_that_the_circle_is_gone_for_a_while(story: Story) -> None:
    story.goes_on("abc")
    name = hashed("abc")
    story.goes_on("abc", {name: KNOWN})
    story.goes_on("")
    assert story.goes_on("abc") == [
        (name, "CycleOpened", "CircleIsBack"),
        (name, "CycleAcknowledged", "AcknowledgedOnAlert"),
    ]


def test_a_resolved_alert_can_be_acknowledged_in_advance(story: Story) -> None:
    story.goes_on("abc")
    name = hashed("abc")
    story.goes_on("")
    assert story.goes_on("", {name: KNOWN}) == []
    story.goes_on("abc")
    assert story.alert(name).state == "Acknowledged"


def test_words_about_a_circle_that_is_not_there_are_passed_over_and_count_once_it_is(story: Story) -> None:
    name = hashed("ab")
    assert story.goes_on("", {name: KNOWN}) == []
    assert dict(story.alerts.by_name) == {}
    assert story.goes_on("ab", {name: KNOWN}) == [
        (name, "CycleOpened", "NewCircle"),
        (name, "CycleAcknowledged", "AcknowledgedOnAlert"),
    ]


def test_a_circle_is_acknowledged_in_the_manifests_when_none_is_left_without_accepted_edges(
    story: Story,
) -> None:
    edges = wired("abc bd")
    some = edges | {(2, 0): Tie(accepted=True)}
    assert story.goes_on(some) == [(hashed("abcd"), "CycleOpened", "NewCircle")]
    enough = some | {(3, 1): Tie(accepted=True)}
    name = hashed("abcd")
    assert story.goes_on(enough) == [(name, "CycleAcknowledged", "AcceptedInManifests")]
    assert story.goes_on(some) == [(name, "CycleOpened", "NotAcknowledged")]


def test_alerts_rebuilt_after_the_loss_of_the_database_go_on_and_the_rest_is_resolved(story: Story) -> None:
    story.goes_on("abc de")
    remembered = list(story.alerts.by_name.values())
    # What a status does not say is unknown: the shape of the edges.
    afresh = Story(Alerts.of(replace(alert, shape=b"") for alert in remembered))
    assert afresh.goes_on("abc") == [(hashed("de"), "CycleResolved", "NoCircleLeft")]
    assert afresh.alert(hashed("abc")) == story.alert(hashed("abc"))


def test_resolved_alerts_are_forgotten_after_their_time_unless_somebody_wrote_into_them(story: Story) -> None:
    story.goes_on("ab cde fg")
    story.goes_on("fg", {hashed("cde"): KNOWN})
    alerts = story.alerts.by_name.values()
    month = timedelta(hours=720)
    assert forgettable(alerts, story.now + month - timedelta(seconds=1), month) == []
    assert forgettable(alerts, story.now + month, month) == [hashed("ab")]


def test_messages_stay_short_however_large_the_circle_is() -> None:
    many = tuple(
        Node(ServiceKey("", "n" * 63, f"s{at:04}" + "x" * 240, "Service"), stated=True) for at in range(300)
    )
    edges = {(at, (at + 1) % 300): Tie() for at in range(300)}
    story = Story()
    found = diff(story.alerts, circles(edges, many), Moment(1, BEGINNING))
    (told,) = found.transitions
    assert len(told.message.encode()) <= 1_000
    assert told.message.endswith("…")


def test_a_long_path_loses_its_middle_and_says_how_much() -> None:
    keys = [NODES[LETTERS.index(letter)].key for letter in "abcdefghija"]
    assert path(keys[:3]) == "shop/a → shop/b → shop/c"
    assert path(keys, steps=2) == "shop/a → shop/b → (8 more) → shop/a"
