"""A full comparison finds what was missed in both directions, and does not remove too much at once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicegraph.reconcile.sweep import MANY, Plan, plan
from servicegraph.store.objects import StoredObject
from support.bodies import body


def stored(*uids: str, generation: int = 1, namespace: str = "shop") -> dict[str, StoredObject]:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return {uid: StoredObject(n, uid, namespace, uid, generation, at, 1, None) for n, uid in enumerate(uids)}


def compare(
    kept: dict[str, StoredObject],
    listed: list[dict[str, object]],
    *,
    namespaces: tuple[str, ...] = (),
    share: float = 0.5,
) -> Plan:
    return plan(kept, listed, {}, namespaces=namespaces, max_removal=share)


def test_an_object_that_is_listed_and_not_stored_was_missed() -> None:
    new = body("a", uid="a")
    assert compare({}, [new]).missed == {"a"}


def test_an_object_of_another_generation_was_missed() -> None:
    newer = body("a", uid="a", generation=2)
    assert compare(stored("a"), [newer]).missed == {"a"}
    older = body("a", uid="a", generation=1)
    assert compare(stored("a", generation=2), [older]).missed == {"a"}, (
        "the store went back or ahead: fold again"
    )


def test_an_unchanged_object_asks_for_nothing() -> None:
    decided = compare(stored("a"), [body("a", uid="a")])
    assert (decided.missed, decided.orphans, decided.refused) == (frozenset(), (), "")


def test_an_object_that_is_stored_and_not_listed_is_an_orphan() -> None:
    assert compare(stored("a", "b"), [body("a", uid="a")]).orphans == ("b",)


def test_objects_of_namespaces_that_are_not_watched_are_not_judged() -> None:
    kept = stored("mine") | stored("theirs", namespace="elsewhere")
    assert compare(kept, [], namespaces=("shop",)).orphans == ("mine",)


def test_what_the_watch_has_not_delivered_is_named() -> None:
    listed = [body("a", uid="a", generation=3), body("b", uid="b", generation=1)]
    decided = plan({}, listed, {"a": 2, "b": 1}, namespaces=(), max_removal=0.5)
    assert decided.unheard == {"a": 3}


@pytest.mark.parametrize(
    ("there", "gone", "share", "refused"),
    [
        (100, 99, 0.5, False),  # fewer than a hundred may always go
        (200, 100, 0.5, False),  # a hundred that are no more than half
        (199, 100, 0.5, True),
        (1000, 600, 0.5, True),
        (1000, 1000, 1.0, False),  # told to
    ],
)
def test_many_removals_beyond_the_share_are_refused(
    there: int, gone: int, share: float, refused: bool
) -> None:
    kept = stored(*(f"uid-{n}" for n in range(there)))
    listed = [body(uid, uid=uid) for uid in list(kept)[gone:]]
    decided = compare(kept, listed, share=share)
    assert len(decided.orphans) == gone
    assert bool(decided.refused) is refused
    if refused:
        assert f"{gone} of {there}" in decided.refused
        assert "RESYNC_MAX_REMOVAL=1" in decided.refused


@given(
    st.dictionaries(st.text("abc", min_size=1, max_size=3), st.integers(1, 3)),
    st.dictionaries(st.text("abc", min_size=1, max_size=3), st.integers(1, 3)),
)
def test_doing_what_the_plan_says_makes_the_store_equal_to_the_list(
    before: dict[str, int], there: dict[str, int]
) -> None:
    kept = {uid: stored(uid, generation=generation)[uid] for uid, generation in before.items()}
    decided = compare(kept, [body(uid, uid=uid, generation=generation) for uid, generation in there.items()])
    after = {uid: one.generation for uid, one in kept.items() if uid not in decided.orphans}
    after |= {uid: there[uid] for uid in decided.missed}
    assert after == there
    assert decided.refused == "" or len(decided.orphans) >= MANY


def test_deletions_that_the_watch_delivered_are_never_too_many() -> None:
    uids = [f"u{n}" for n in range(MANY)]
    kept = stored(*uids)
    assert plan(kept, [], {}, uids, namespaces=(), max_removal=0.5).refused == ""
    assert plan(kept, [], {}, uids[1:], namespaces=(), max_removal=0.5).refused == "", "one alone is not many"
    assert plan(kept, [], {}, (), namespaces=(), max_removal=0.5).refused
