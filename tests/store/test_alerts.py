from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest

from servicegraph.ingest.batch import Batch
from servicegraph.model.alert import (
    Acknowledgement,
    Alert,
    AlertReason,
    AlertState,
    Cut,
    Severity,
    Transition,
    TransitionKind,
)
from servicegraph.model.ids import ServiceKey
from servicegraph.model.observation import RemovedObject
from servicegraph.model.vocabulary import Mode, Requirement
from servicegraph.store import alerts
from servicegraph.store.engine import transaction
from servicegraph.store.snapshot import load
from support.declared import DAWN, calls, declares, service
from support.rings import Rings, alert_with, letters, told
from support.stored import observe

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.clock import SteppedClock
    from servicegraph.ingest.commit import GraphWriter
    from support.rows import Rows


@pytest.fixture
def rings(writer: GraphWriter) -> Rings:
    return Rings(writer)


async def living(engine: AsyncEngine) -> dict[str, str]:
    """The names of the alerts whose circle is there, by members."""
    snapshot = await load(engine)
    return {letters(alert): alert.name for alert in snapshot.alerts if alert.members}


async def test_a_circle_has_its_alert_and_its_transition_in_the_version_that_closes_it(
    engine: AsyncEngine, writer: GraphWriter, rows: Rows, clock: SteppedClock
) -> None:
    await writer.commit(Batch([declares("a", "b")]))
    clock.step(timedelta(hours=1))
    done = await writer.commit(Batch([declares("b", "a")]))
    (alert,) = (await load(engine)).alerts
    assert (letters(alert), alert.state, alert.severity) == ("ab", "Open", "Critical")
    assert (alert.opened_version, alert.opened_at) == (done.version, DAWN + timedelta(hours=1))
    assert told(done) == [(alert.name, "CycleOpened", "NewCircle")]
    (row,) = await rows.of("SELECT alert, version, kind, at, announced FROM transitions")
    assert row == {
        "alert": alert.name,
        "version": 2,
        "kind": "CycleOpened",
        "at": DAWN + timedelta(hours=1),
        "announced": False,
    }


async def test_a_circle_of_one_batch_is_found_among_services_that_are_in_none(
    engine: AsyncEngine, writer: GraphWriter
) -> None:
    await writer.commit(Batch([declares("x", "a", "y"), declares("y", "z"), declares("z", "t")]))
    await writer.commit(Batch([declares("a", "b", "t"), declares("b", "c"), declares("c", "a", "y")]))
    snapshot = await load(engine)
    (alert,) = snapshot.alerts
    assert letters(alert) == "abc"
    in_it = {node.key.name for at, node in enumerate(snapshot.nodes) if snapshot.alert_of(at) is alert}
    assert in_it == set("abc")
    edges = zip(snapshot.edges.source, snapshot.edges.target, snapshot.in_circle, strict=True)
    assert {
        snapshot.nodes[source].key.name + snapshot.nodes[target].key.name
        for source, target, is_in in edges
        if is_in
    } == {"ab", "bc", "ca"}


async def test_alerts_grow_merge_split_shrink_resolve_and_come_back(
    engine: AsyncEngine, rings: Rings
) -> None:
    await rings.become("ab")
    (ab,) = (await living(engine)).values()
    assert told(await rings.become("ab bcd")) == [(ab, "CycleGrew", "MembersJoined")]
    await rings.become("abcd ef")
    ef = (await living(engine))["ef"]
    done = await rings.become("abcd ef de fa")
    assert sorted(told(done)) == sorted([(ab, "CycleGrew", "Merged"), (ef, "CycleResolved", "MergedInto")])
    done = await rings.become("abcd ef")
    # The circle that was resolved had the members that the smaller piece has now.
    assert sorted(told(done)) == sorted([(ab, "CycleShrank", "Split"), (ef, "CycleOpened", "SplitFrom")])
    assert told(await rings.become("abc")) == [
        *sorted([(ab, "CycleShrank", "MembersLeft"), (ef, "CycleResolved", "NoCircleLeft")])
    ]
    assert told(await rings.become("")) == [(ab, "CycleResolved", "NoCircleLeft")]
    assert await living(engine) == {}
    assert told(await rings.become("abc")) == [(ab, "CycleOpened", "CircleIsBack")]
    assert await living(engine) == {"abc": ab}


async def test_the_same_objects_again_write_no_row_of_alerts(rings: Rings, rows: Rows) -> None:
    done = await rings.become("abc de")
    before = await rows.addresses()
    assert await rings.again() == replace(done, changed=False, told=())
    assert await rows.addresses() == before


async def test_a_version_that_leaves_the_circles_as_they_are_writes_no_alert(
    rings: Rings, writer: GraphWriter, rows: Rows
) -> None:
    await rings.become("abc")
    before = await rows.addresses()
    done = await writer.commit(Batch([declares("x", "a", team="red"), declares("y")]))
    assert (done.changed, done.told) == (True, ())
    after = await rows.addresses()
    assert (after["alerts"], after["transitions"]) == (before["alerts"], before["transitions"])


async def test_the_end_of_an_object_resolves_the_circle_that_only_it_closed(
    rings: Rings, writer: GraphWriter, engine: AsyncEngine
) -> None:
    await rings.become("abc")
    done = await writer.commit(Batch(removed=[RemovedObject("uid-of-c", "deleted")]))
    assert [one.kind for one in done.told] == [TransitionKind.RESOLVED]
    (alert,) = (await load(engine)).alerts
    assert (alert.state, alert.members, letters(alert)) == ("Resolved", (), "abc")
    assert alert.resolved_version == done.version


async def test_an_acknowledgement_makes_a_version_and_covers_the_members_of_that_moment(
    rings: Rings, engine: AsyncEngine
) -> None:
    await rings.become("abc")
    name = (await living(engine))["abc"]
    done = await rings.said(name, by="ana")
    assert done.changed
    assert told(done) == [(name, "CycleAcknowledged", "AcknowledgedOnAlert")]
    assert alert_with(await load(engine), "abc").state is AlertState.ACKNOWLEDGED
    assert told(await rings.become("abc cd")) == [(name, "CycleGrew", "GrewSinceAcknowledged")]
    alert = alert_with(await load(engine), "abcd")
    assert (alert.state, alert.reason) == ("Open", "GrewSinceAcknowledged")
    await rings.become("abc")
    assert alert_with(await load(engine), "abc").state is AlertState.OPEN
    assert told(await rings.said(name, generation=2)) == [(name, "CycleAcknowledged", "AcknowledgedOnAlert")]


async def test_the_same_words_again_write_nothing(rings: Rings, rows: Rows, engine: AsyncEngine) -> None:
    await rings.become("ab")
    (name,) = (await living(engine)).values()
    await rings.said(name, until=DAWN + timedelta(days=1))
    before = await rows.addresses()
    assert not (await rings.said(name, until=DAWN + timedelta(days=1))).changed
    assert await rows.addresses() == before


async def test_words_taken_back_open_the_alert_again(
    rings: Rings, writer: GraphWriter, engine: AsyncEngine
) -> None:
    await rings.become("ab")
    (name,) = (await living(engine)).values()
    await rings.said(name)
    done = await writer.commit(Batch(acknowledgements={name: None}))
    assert told(done) == [(name, "CycleOpened", "NotAcknowledged")]
    assert not (await writer.commit(Batch(acknowledgements={name: None}))).changed


async def test_words_about_an_alert_that_is_not_there_are_passed_over(rings: Rings, rows: Rows) -> None:
    await rings.become("abc")
    before = await rows.addresses()
    assert not (await rings.said("cycle-0123456789ab")).changed
    assert await rows.addresses() == before


async def test_words_count_for_an_alert_that_the_same_commit_opens(
    rings: Rings, writer: GraphWriter, engine: AsyncEngine
) -> None:
    await rings.become("ab")
    (name,) = (await living(engine)).values()
    await rings.become("")
    await writer.commit(Batch(acknowledgements={name: Acknowledgement(1, "known")}))
    assert [kind for _, kind, _ in told(await rings.become("ab"))] == ["CycleOpened", "CycleAcknowledged"]


async def test_an_edge_known_through_api_records_or_in_quarantine_closes_no_circle(
    engine: AsyncEngine, writer: GraphWriter
) -> None:
    usual = {"protocol": None, "mode": None, "present": True, "confirmed": True, "stale": False}
    back = {"source": "shop/b", "target": "shop/a", "provider": "api:ci", "group": "api", "class": "api"}
    seen = {"source": "shop/d", "target": "shop/c", "provider": "otel", "group": "otel", "class": "both ends"}
    real = {"source": "shop/f", "target": "shop/e", "provider": "otel", "group": "otel", "class": "both ends"}
    async with transaction(engine) as conn:
        await observe(
            conn,
            [
                {**usual, **back, "quarantined": False, "alertable": False},
                {**usual, **seen, "quarantined": True, "alertable": True},
                {**usual, **real, "quarantined": False, "alertable": True},
            ],
        )
    await writer.commit(Batch([declares("a", "b"), declares("c", "d"), declares("e", "f")]))
    assert list(await living(engine)) == ["ef"]


async def test_writers_that_close_a_circle_together_open_one_alert(
    engine: AsyncEngine, writer: GraphWriter
) -> None:
    done = await asyncio.gather(
        *(writer.commit(Batch([declares(one, other)])) for one, other in ("ab", "bc", "cd", "da")),
        *(writer.commit(Batch([declares(one, other)])) for one, other in ("xy", "yx")),
    )
    assert sorted(one.kind for each in done for one in each.told) == ["CycleOpened", "CycleOpened"]
    assert set(await living(engine)) == {"abcd", "xy"}


async def test_a_thousand_circles_of_one_batch_have_an_alert_each(
    engine: AsyncEngine, writer: GraphWriter
) -> None:
    pairs = [(f"a{n}", f"b{n}") for n in range(1000)]
    batch = Batch([declares(one, other) for pair in pairs for one, other in (pair, pair[::-1])])
    done = await writer.commit(batch)
    assert len(done.told) == 1000
    snapshot = await load(engine)
    assert {frozenset(key.name for key in alert.members) for alert in snapshot.alerts} == set(
        map(frozenset, pairs)
    )


async def test_transitions_wait_until_their_events_are_written(
    engine: AsyncEngine, rings: Rings, writer: GraphWriter
) -> None:
    await rings.become("ab")
    await rings.become("abc")
    first, second = await alerts.unannounced(engine)
    assert [one.transition.kind for one in (first, second)] == ["CycleOpened", "CycleGrew"]
    done = await writer.commit(Batch(announced=[first.key]))
    assert (done.version, done.changed) == (2, False)
    assert await alerts.unannounced(engine) == [second]
    name = first.transition.alert
    assert await alerts.history(engine, name) == [replace(first, announced=True), second]
    assert await alerts.history(engine, "cycle-0123456789ab") == []


async def test_what_is_announced_twice_is_written_once(rings: Rings, writer: GraphWriter, rows: Rows) -> None:
    done = await rings.become("ab")
    keys = [(one.alert, one.version, one.kind) for one in done.told]
    await writer.commit(Batch(announced=keys))
    before = await rows.addresses()
    await writer.commit(Batch(announced=[*keys, ("cycle-0123456789ab", 1, TransitionKind.GREW)]))
    assert await rows.addresses() == before


async def test_a_transition_cannot_be_told_twice(engine: AsyncEngine) -> None:
    one = Transition("cycle-1", 1, TransitionKind.OPENED, AlertReason.NEW_CIRCLE, "a calls b")
    async with transaction(engine) as conn:
        await alerts.tell(conn, [one], DAWN)
        with pytest.raises(asyncpg.UniqueViolationError):
            async with conn.transaction():
                await alerts.tell(conn, [one], DAWN)


async def test_an_alert_is_read_as_it_was_written(engine: AsyncEngine) -> None:
    members = (
        service("a"),
        ServiceKey("", "", "api.stripe.com", "External"),
        ServiceKey("eu@1", "shop", "or:ders%", "Datastore"),
    )
    full = Alert(
        name="cycle-1",
        members=members,
        severity=Severity.WARNING,
        witness=(*members, members[0]),
        cut=(Cut(members[0], members[1], "Soft"), Cut(members[1], members[2], "Async")),
        cut_size=60,
        accepted=True,
        shape=b"\x00\xff",
        opened_at=DAWN,
        opened_version=7,
        state=AlertState.OPEN,
        reason=AlertReason.GREW_SINCE_ACKNOWLEDGED,
        acknowledgement=Acknowledgement(
            3, "known", "ana", DAWN, members[:2], AlertReason.GREW_SINCE_ACKNOWLEDGED
        ),
        split_from="cycle-2",
    )
    over = replace(
        full,
        name="cycle-2",
        members=(),
        state=AlertState.RESOLVED,
        reason=AlertReason.MERGED_INTO,
        acknowledgement=None,
        members_when_resolved=members,
        resolved_at=DAWN,
        resolved_version=9,
        merged_into="cycle-1",
    )
    async with transaction(engine) as conn:
        await alerts.write(conn, [over, replace(full, cut=())])
        await alerts.write(conn, [full])
        assert await alerts.kept(conn) == [full, over]


async def test_of_two_objects_about_one_call_the_older_says_how_bad_the_circle_is(
    engine: AsyncEngine, writer: GraphWriter
) -> None:
    soft, hard = (calls(service("a"), "b", requirement=one) for one in (Requirement.SOFT, Requirement.HARD))
    old = replace(declares("a", hard, age=9), name="old", uid="old")
    await writer.commit(Batch([declares("b", "a"), declares("a", soft, age=5)]))
    assert alert_with(await load(engine), "ab").severity is Severity.WARNING
    await writer.commit(Batch([old]))
    assert alert_with(await load(engine), "ab").severity is Severity.CRITICAL
    await writer.commit(Batch([replace(old, generation=2, observations=(replace(soft, mode=Mode.ASYNC),))]))
    assert alert_with(await load(engine), "ab").severity is Severity.INFO
