from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from servicegraph.errors import StoreRefused
from servicegraph.ingest.batch import Batch
from servicegraph.ingest.decide import decide
from servicegraph.ingest.rows import digest
from servicegraph.model.observation import DeclaredObject, RemovedObject, StalledObject
from support.declared import calls, declares, service, stalls

if TYPE_CHECKING:
    from servicegraph.store.objects import StoredObject


def stored(said: DeclaredObject, version: int = 1) -> StoredObject:
    return decide(Batch([said]), []).living[0].row(version)._replace(id=7)


def test_an_object_never_heard_of_is_new() -> None:
    said = declares("checkout", "cart")
    (one,) = decide(Batch([said]), []).living
    row = one.row(5)
    assert (one.stored, row.uid, row.stored_version, row.problem) == (None, said.uid, 5, None)


def test_an_object_that_says_the_same_is_left_alone() -> None:
    said = declares("checkout", "cart")
    decision = decide(Batch([said]), [stored(said)])
    assert (decision.restated, decision.gone) == ([], ())
    assert decision.living[0].row(9) == stored(said)


def test_a_generation_that_says_the_same_moves_the_row_alone() -> None:
    said = declares("checkout", "cart")
    later = replace(said, generation=2)
    decision = decide(Batch([later]), [stored(said)])
    assert decision.restated == []
    assert decision.living[0].row(9) == stored(said)._replace(generation=2, stored_version=9)


def test_a_generation_that_says_something_else_is_restated() -> None:
    said = declares("checkout", "cart")
    decision = decide(Batch([declares("checkout", "email", generation=2)]), [stored(said)])
    assert [one.said.generation for one in decision.restated] == [2]


def test_a_stalled_generation_restates_nothing_and_keeps_the_digest() -> None:
    said = declares("checkout", "cart")
    decision = decide(Batch(stalled=[stalls("checkout", generation=2)]), [stored(said)])
    row = decision.living[0].row(9)
    assert decision.restated == []
    assert (row.generation, row.stored_version, row.digest) == (2, 1, digest(said))
    assert row.problem == "InvalidSpec: spec.service.name is missing"


def test_of_two_under_one_name_the_younger_exists() -> None:
    old, new = declares("checkout", uid="old", age=1), declares("checkout", uid="new")
    for batch in (Batch([old, new]), Batch([new, old])):
        decision = decide(batch, [stored(old)])
        assert [one.said.uid for one in decision.living] == ["new"]
        assert [(one.uid, why) for one, why in decision.gone] == [("old", "replaced")]


def test_of_two_as_old_as_each_other_the_one_heard_of_last_exists() -> None:
    old, new = declares("checkout", uid="old"), declares("checkout", uid="new")
    decision = decide(Batch([new]), [stored(old)])
    assert [(one.uid, why) for one, why in decision.gone] == [("old", "replaced")]


def test_late_news_of_the_older_one_is_dropped() -> None:
    old, new = declares("checkout", uid="old", age=1), declares("checkout", uid="new")
    decision = decide(Batch([old]), [stored(new)])
    assert (decision.living, decision.gone) == ((), ())


def test_the_older_one_returns_when_the_younger_is_removed() -> None:
    old, new = declares("checkout", uid="old", age=1), declares("checkout", uid="new")
    decision = decide(Batch([old], removed=[RemovedObject("new", "swept")]), [stored(new)])
    assert [one.said.uid for one in decision.living] == ["old"]
    assert [(one.uid, why) for one, why in decision.gone] == [("new", "swept")]


def test_an_end_outweighs_words_that_were_spoken_before_it() -> None:
    said = declares("checkout", "cart")
    decision = decide(Batch([said], removed=[RemovedObject(said.uid, "deleted")]), [stored(said)])
    assert decision.living == ()
    assert [why for _, why in decision.gone] == ["deleted"]


def test_an_end_of_an_object_that_is_not_stored_is_nothing() -> None:
    assert decide(Batch(removed=[RemovedObject("nobody", "deleted")]), []).gone == ()


@pytest.mark.parametrize(
    "other",
    [
        declares("checkout", "email"),
        declares("checkout", "cart", "email"),
        declares("checkout", "cart", team="red"),
        declares("checkout", calls(service("checkout"), "cart", protocol="SQL")),
        declares("checkout", calls(service("checkout"), "cart", details={"timeout": "1s"})),
        declares("checkout", calls(service("checkout"), service("cart", kind="Queue"))),
    ],
)
def test_the_digest_tells_what_differs(other: DeclaredObject) -> None:
    assert digest(other) != digest(declares("checkout", "cart"))


def test_the_digest_does_not_tell_generations_nor_the_order_of_keys_apart() -> None:
    one = declares("checkout", "cart", labels={"a": "1", "b": "2"})
    other = declares("checkout", "cart", labels={"b": "2", "a": "1"}, generation=4)
    assert digest(one) == digest(other)


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(StoreRefused, match="JSON"):
        digest(declares("checkout", calls(service("checkout"), "cart", details={"description": "\ud800"})))


def test_a_problem_never_contains_what_cannot_be_stored() -> None:
    said = StalledObject("u", "shop", "checkout", 1, declares("checkout").created_at, "Bad", "\x00 \udfff")
    assert decide(Batch(stalled=[said]), []).living[0].row(1).problem == "Bad: \\x00 \\udfff"
