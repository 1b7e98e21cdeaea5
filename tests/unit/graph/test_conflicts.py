"""Of objects that say different things the oldest that says anything counts, and each of the others is told."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from servicegraph.graph.conflicts import MAX_NAMED, Claim, Conflict, Difference, conflicts

EDGE = "shop/a → shop/b"


def claims(*said: dict[str, Any], subject: str = EDGE) -> list[Claim]:
    """What objects say about one subject, the oldest first; they are called shop/0, shop/1, …"""
    return [Claim(f"uid-{n}", f"shop/{n}", subject, one) for n, one in enumerate(said)]


def test_the_younger_object_is_told_what_the_older_one_says() -> None:
    found = conflicts(claims({"mode": "Async", "protocol": "AMQP"}, {"mode": "Sync", "protocol": "AMQP"}))
    assert set(found) == {"uid-1"}
    assert found["uid-1"].named == (Conflict("shop/0", EDGE, (Difference("mode", "Async", "Sync"),)),)
    assert found["uid-1"].count == 1


def test_saying_nothing_about_a_field_contradicts_nobody() -> None:
    assert conflicts(claims({"timeout": "5s"}, {}, {"protocol": "gRPC"})) == {}


def test_each_field_is_decided_by_the_oldest_object_that_speaks_of_it() -> None:
    found = conflicts(claims({"mode": "Sync"}, {"timeout": "5s"}, {"mode": "Async", "timeout": "9s"}))
    assert found["uid-2"].named == (
        Conflict("shop/0", EDGE, (Difference("mode", "Sync", "Async"),)),
        Conflict("shop/1", EDGE, (Difference("timeout", "5s", "9s"),)),
    )
    assert set(found) == {"uid-2"}


def test_labels_are_one_field_whatever_their_order() -> None:
    assert conflicts(claims({"labels": {"a": "1", "b": "2"}}, {"labels": {"b": "2", "a": "1"}})) == {}
    assert set(conflicts(claims({"labels": {"a": "1"}}, {"labels": {"a": "1", "b": "2"}}))) == {"uid-1"}


def test_of_hundreds_of_conflicts_ten_are_named_and_all_are_counted() -> None:
    told = [
        claim
        for n in range(256)
        for claim in claims({"mode": "Sync"}, {"mode": "Async"}, subject=f"shop/a → shop/t{n:03}")
    ]
    (found,) = conflicts(told).values()
    assert found.count == 256
    assert [one.subject for one in found.named] == [f"shop/a → shop/t{n:03}" for n in range(MAX_NAMED)]


_said = st.dictionaries(st.sampled_from(["mode", "protocol", "timeout"]), st.sampled_from("xy"))


@given(st.lists(st.lists(_said, min_size=1, max_size=4), max_size=3))
def test_a_field_is_in_conflict_exactly_where_an_older_word_about_it_is_another(
    subjects: list[list[dict[str, str]]],
) -> None:
    told = [claim for n, said in enumerate(subjects) for claim in claims(*said, subject=f"s{n}")]
    expected = set()
    for mine in told:
        for field, value in mine.said.items():
            speakers = [one for one in told if one.subject == mine.subject and field in one.said]
            if speakers[0].said[field] != value:
                expected.add((mine.uid, speakers[0].object, mine.subject, field))
    found = {
        (uid, conflict.other, conflict.subject, difference.field)
        for uid, lost in conflicts(told).items()
        for conflict in lost.named
        for difference in conflict.differences
    }
    assert found == expected
