"""What Kubernetes shows of every object: the newest word counts, and the dead stay dead."""

from __future__ import annotations

import asyncio

from servicegraph.reconcile.objects import Objects
from servicegraph.writeback.standing import Stalled, Stored, Waiting
from support.bodies import body

UID = "uid-shop-a"


def test_a_new_object_has_to_be_reconciled() -> None:
    assert Objects().hear(body())


def test_a_generation_that_is_stored_or_refused_is_settled_and_a_waiting_one_is_not() -> None:
    objects = Objects()
    objects.hear(body(generation=2))
    for standing, settled in (
        (Stored(2, 9), True),
        (Stored(1, 9), False),
        (Stalled(2, "InvalidSpec", "…"), True),
        (Waiting("StoreUnavailable", "…"), False),
    ):
        objects.standing[UID] = standing
        assert objects.hear(body(generation=2)) is not settled


def test_a_late_list_does_not_replace_a_newer_event() -> None:
    objects = Objects()
    objects.hear(body(generation=2, version=20))
    assert not objects.find(body(generation=1, version=10))
    assert not objects.take(body(generation=1, version=10)), "it must not reach the inbox either"
    assert objects.live[UID].generation == 2


def test_a_late_word_about_an_object_that_is_gone_is_ignored() -> None:
    objects = Objects()
    objects.hear(body())
    objects.forget(UID)
    assert not objects.hear(body(version=2))
    assert not objects.find(body(version=2))
    assert not objects.take(body(version=2))
    assert UID not in objects.live


def test_a_late_body_of_the_newest_generation_can_still_be_reconciled() -> None:
    objects = Objects()
    objects.hear(body(generation=2, version=20))
    assert objects.take(body(generation=2, version=10)), "only its status has changed since"


def test_an_object_made_again_under_the_same_name_is_another_one() -> None:
    objects = Objects()
    objects.hear(body())
    objects.forget(UID)
    assert objects.hear(body(uid="other"))


def test_only_the_watch_counts_as_heard() -> None:
    objects = Objects()
    objects.find(body(generation=3))
    assert objects.heard == {}
    objects.hear(body(generation=3))
    assert objects.heard == {UID: 3}


async def test_whoever_waits_for_the_watch_hears_of_changes_and_of_deletions() -> None:
    objects = Objects()
    for happens in (lambda: objects.hear(body()), lambda: objects.forget(UID)):
        waiting = asyncio.create_task(objects.next_word())
        await asyncio.sleep(0)  # let it begin to wait
        assert not waiting.done()
        happens()
        await waiting
