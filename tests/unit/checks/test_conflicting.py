"""The younger object reads who says otherwise, about what, and in which fields."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from servicegraph.checks.conflicting import conflicting
from servicegraph.checks.verdict import MAX_MESSAGE
from servicegraph.graph.conflicts import Conflict, Conflicts, Difference

MODE = Difference("mode", "Async", "Sync")


def told(*conflicts: Conflict, count: int = 0) -> str:
    finding = conflicting(Conflicts(conflicts, count or len(conflicts)))
    assert finding is not None
    assert (finding.type, finding.status, finding.reason) == ("Conflicting", "True", "AttributesDiffer")
    assert finding.count == (count or len(conflicts))
    return finding.message


def test_where_nobody_says_otherwise_there_is_nothing_to_say() -> None:
    assert conflicting(None) is None


def test_a_conflict_names_the_other_object_the_edge_and_both_words() -> None:
    assert told(Conflict("shop/checkout", "shop/a → shop/b", (MODE,))) == (
        "shop/checkout declares mode Async for shop/a → shop/b, this object Sync; the older one counts"
    )


def test_several_fields_of_one_subject_are_one_sentence() -> None:
    fields = (MODE, Difference("timeout", "5s", "9s"), Difference("retry.maxAttempts", 3, 1))
    assert told(Conflict("shop/checkout", "shop/a → shop/b", fields)) == (
        "shop/checkout declares mode Async, timeout 5s and retry.maxAttempts 3 for shop/a → shop/b,"
        " this object Sync, 9s and 1; the older one counts"
    )


def test_labels_are_shown_as_people_write_them() -> None:
    labels = Difference("labels", {"tier": "backend", "lang": "go"}, {"tier": "web"})
    assert "labels lang=go,tier=backend for shop/a, this object tier=web" in told(
        Conflict("shop/old", "shop/a", (labels,))
    )


def test_conflicts_that_are_not_named_are_counted() -> None:
    named = [Conflict("shop/old", f"shop/a → shop/{n}", (MODE,)) for n in range(3)]
    message = told(*named, count=256)
    assert message.endswith("; and 253 more; the older one counts")


@given(
    st.lists(st.text("x", max_size=300), min_size=1, max_size=10), st.integers(0, 300), st.text(max_size=900)
)
def test_a_message_is_bounded_and_counts_what_it_leaves_out(
    names: list[str], beyond: int, value: str
) -> None:
    named = [Conflict(f"shop/{name}", "shop/a", (Difference("team", value, "web"),)) for name in names]
    message = told(*named, count=len(named) + beyond)
    assert len(message) <= MAX_MESSAGE
    shown = message.count(" for shop/a")
    left = len(named) + beyond - shown
    assert ("; and " not in message and left == 0) or f"; and {left} more; the older" in message
