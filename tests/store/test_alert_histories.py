"""Whatever is declared, deleted and acknowledged while time passes: alerts and transitions equal a replay by plain Python."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from servicegraph.clock import SteppedClock
from servicegraph.ingest.batch import Batch, Committed, Retention
from servicegraph.ingest.commit import GraphWriter
from servicegraph.model.alert import Acknowledgement
from servicegraph.model.observation import RemovedObject
from servicegraph.model.vocabulary import Mode, Requirement
from servicegraph.store.engine import open_engine, transaction
from servicegraph.store.snapshot import load
from support import circles as plain
from support import soaking
from support.circles import Replay, Said, Tie
from support.declared import calls, declares, service
from support.rows import Rows
from support.stored import empty

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.model.alert import Alert
    from servicegraph.model.observation import DeclaredObject

T = TypeVar("T")

LETTERS = "abcd"
RETENTION = timedelta(hours=5)


class Call(NamedTuple):
    """What an object says about one call; `hours` until its acceptance ends, None for an acceptance without an end."""

    tie: Tie
    hours: int | None = None


class Words(NamedTuple):
    """What a person wrote into an alert."""

    generation: int
    until: datetime | None

    def acknowledgement(self) -> Acknowledgement:
        return Acknowledgement(self.generation, "known", until=self.until)


ties = st.builds(Tie, st.integers(1, 2), st.integers(1, 2), st.booleans())
saying = st.dictionaries(
    st.sampled_from(LETTERS),
    st.builds(Call, ties, st.none() | st.integers(-1, 4)),
    min_size=1,
    max_size=2,
)


class Store:
    """A database and a writer, for code that is not asynchronous."""

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self.engine = open_engine(url, pool_size=2)
        self.clock = SteppedClock()
        self.writer = GraphWriter(self.engine, self.clock)
        self.rows = Rows(self.engine)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def close(self) -> None:
        self.run(self.engine.dispose())
        self._runner.close()

    def begin(self) -> None:
        async def work() -> None:
            async with transaction(self.engine) as conn:
                await empty(conn)

        self.run(work())
        self.clock.at = SteppedClock().at


class AlertHistories(RuleBasedStateMachine):
    """What happens gathers until a commit hears of it, of each object and alert the last word."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        self.generation = 0
        self.objects: dict[str, DeclaredObject] = {}
        self.said: dict[str, Words | None] = {}
        """The last words about each alert."""
        self.unheard: set[str] = set()
        """Objects and alerts about which there is something to hear."""
        self.stored: dict[str, DeclaredObject] = {}
        self.accepted: dict[tuple[str, str], datetime | None] = {}
        """Calls that are stored as accepted, and until when."""
        self.replay = Replay()
        self.times: dict[int, datetime] = {}
        """When each version of the replay was made."""
        self.ends: dict[int, datetime | None] = {}
        """Until when the words of each generation hold."""
        self.told: set[tuple[str, int, str]] = set()

    @initialize(said=st.fixed_dictionaries(dict.fromkeys(LETTERS, saying)))
    def begin(self, said: dict[str, dict[str, Call]]) -> None:
        self.store.begin()
        for name, calls_of in said.items():
            self.declare(name, calls_of)
        self.hear(0, look=False)

    @rule(name=st.sampled_from(LETTERS), said=saying)
    def declare(self, name: str, said: dict[str, Call]) -> None:
        self.generation += 1
        seen = [
            calls(
                service(name),
                to,
                mode=Mode(call.tie.mode),
                requirement=Requirement(call.tie.requirement),
                accepted=call.tie.accepted,
                accepted_until=self._in(call.hours) if call.tie.accepted else None,
            )
            for to, call in said.items()
            if to != name
        ]
        self.objects[name] = declares(name, *seen, generation=self.generation)
        self.unheard.add(name)

    @precondition(lambda self: self.objects)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.objects)), "name")
        del self.objects[name]
        self.unheard.add(name)

    @precondition(lambda self: self.replay.alerts)
    @rule(data=st.data(), hours=st.none() | st.integers(-1, 4))
    def acknowledge(self, data: st.DataObject, hours: int | None) -> None:
        name = data.draw(st.sampled_from(sorted(self.replay.alerts)), "name")
        self.generation += 1
        self.said[name] = Words(self.generation, self._in(hours))
        self.unheard.add(name)

    @precondition(lambda self: self.said)
    @rule(data=st.data(), withdraw=st.booleans())
    def repeat_or_withdraw(self, data: st.DataObject, withdraw: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.said)), "name")
        self.said[name] = None if withdraw else self.said[name]
        self.unheard.add(name)

    @rule(hours=st.integers(0, 3), look=st.booleans())
    def hear(self, hours: int, look: bool) -> None:
        """Let time pass and commit what has gathered, perhaps with a look at the time; then compare everything."""
        self.store.clock.step(timedelta(hours=hours))
        about, self.unheard = self.unheard, set()
        objects = about.intersection(LETTERS)
        said = {name: self.said[name] for name in about - objects}
        batch = Batch(
            objects=[self.objects[name] for name in sorted(objects & self.objects.keys())],
            removed=[RemovedObject(f"uid-of-{name}", "deleted") for name in objects - self.objects.keys()],
            acknowledgements={name: words and words.acknowledgement() for name, words in said.items()},
            retention=Retention(RETENTION, timedelta(days=30)) if look else None,
        )
        done = self.store.run(self.store.writer.commit(batch))
        self._fold_in(objects, look=look)
        self._compare(done, self._expected(said, look=look))
        if look:
            self._forget()
        self._look_at_the_snapshot(self.store.run(load(self.store.engine)))

        addresses = self.store.run(self.store.rows.addresses())
        again = self.store.run(self.store.writer.commit(batch))
        assert (again.version, again.changed, again.told) == (done.version, False, ())
        assert self.store.run(self.store.rows.addresses()) == addresses, "the same again writes nothing"

    @precondition(lambda self: any(words and words.until for words in self.said.values()))
    @rule()
    def wait_for_an_end(self) -> None:
        """Look at the time just when the last words about an alert are over."""
        self.hear(0, look=False)
        ends = {
            words.until for words in self.said.values() if words and words.until and words.until > self.now
        }
        self.store.clock.at = max(ends, default=self.now)
        self.hear(0, look=True)

    def teardown(self) -> None:
        self.hear(1, look=True)

    @property
    def now(self) -> datetime:
        return self.store.clock.now()

    def _in(self, hours: int | None) -> datetime | None:
        return None if hours is None else self.now + timedelta(hours=hours)

    def _fold_in(self, objects: set[str], *, look: bool) -> None:
        """What is stored of calls: an acceptance is looked at where it is told anew, and when time is looked at."""
        for name in objects:
            before = self.stored.pop(name, None)
            if name in self.objects:
                self.stored[name] = self.objects[name]
            if before and name in self.objects and before.observations == self.objects[name].observations:
                continue
            self.accepted = {call: until for call, until in self.accepted.items() if call[0] != name}
            for seen in self.stored[name].observations if name in self.stored else ():
                if seen.accepted and (seen.accepted_until is None or seen.accepted_until > self.now):
                    self.accepted[name, seen.target.name] = seen.accepted_until
        if look:
            self.accepted = {
                call: until for call, until in self.accepted.items() if until is None or until > self.now
            }

    def _edges(self) -> plain.Edges:
        return {
            (LETTERS.index(name), LETTERS.index(seen.target.name)): Tie(
                seen.mode, seen.requirement, (name, seen.target.name) in self.accepted
            )
            for name, said in self.stored.items()
            for seen in said.observations
        }

    def _expected(self, said: dict[str, Words | None], *, look: bool) -> set[tuple[str, str, str]]:
        """Have the replay make the version; returns what it tells, as (alert, kind, reason)."""
        edges = self._edges()
        found = {
            frozenset(f"shop/{LETTERS[at]}" for at in members): plain.accepted(
                edges, plain.simple_circles(set(edges), members)
            )
            for members in plain.components(set(edges))
        }
        held = {name: one["said"] for name, one in self.replay.alerts.items() if one["said"]}
        over = {name for name, words in held.items() if look and self._is_over(words.generation)}
        heard = {name: words and self._heard(words, held.get(name)) for name, words in said.items()}
        told = self.replay.advance(found, heard, over)
        self.times[self.replay.version] = self.now
        return told

    def _heard(self, words: Words, held: Said | None) -> Said:
        """The words as the replay takes them: whether they are over is judged when they are heard for the first time."""
        self.ends[words.generation] = words.until
        if held and held.generation == words.generation:
            return held
        return Said(words.generation, self._is_over(words.generation))

    def _is_over(self, generation: int) -> bool:
        until = self.ends[generation]
        return until is not None and until <= self.now

    def _forget(self) -> None:
        """Resolved alerts that nobody has acknowledged go after a while, and with them what happened to them."""
        for name, one in list(self.replay.alerts.items()):
            over = not one["members"] and self.times[one["gone"]] + RETENTION <= self.now
            if over and one["said"] is None:
                del self.replay.alerts[name]
                self.told = {told for told in self.told if told[0] != name}

    def _compare(self, done: Committed, expected: set[tuple[str, str, str]]) -> None:
        assert sorted((one.alert, one.kind, one.reason) for one in done.told) == sorted(expected)
        assert done.changed or not expected
        self.told |= {(one.alert, one.version, one.kind) for one in done.told}
        assert {one.version for one in done.told} <= {done.version}

    def _look_at_the_snapshot(self, snapshot: Snapshot) -> None:
        alerts = {alert.name: _followed(alert) for alert in snapshot.alerts}
        assert alerts == {name: _replayed(one) for name, one in self.replay.alerts.items()}
        rows = self.store.run(self.store.rows.of("SELECT alert, version, kind FROM transitions"))
        assert sorted(tuple(row.values()) for row in rows) == sorted(self.told)

        edges = set(self._edges())
        components = plain.components(edges)
        living = {frozenset(alert.ids) for alert in snapshot.alerts if alert.state != "Resolved"}
        assert living == {frozenset(f"shop/{LETTERS[at]}" for at in one) for one in components}
        ends = zip(
            snapshot.edges.source[snapshot.in_circle], snapshot.edges.target[snapshot.in_circle], strict=True
        )
        assert {tuple(LETTERS.index(snapshot.nodes[at].key.name) for at in pair) for pair in ends} == {
            pair for pair in edges if any(one.issuperset(pair) for one in components)
        }


def _followed(alert: Alert) -> dict[str, object]:
    """The fields of an alert that a replay follows."""
    said = alert.acknowledgement
    return {
        "members": {str(key) for key in alert.members},
        "was": {str(key) for key in alert.members_when_resolved},
        "state": alert.state,
        "reason": alert.reason,
        "origin": alert.split_from,
        "into": alert.merged_into,
        "ended": said.ended if said else None,
        "covers": {str(key) for key in said.members} if said else set(),
    }


def _replayed(one: dict[str, Any]) -> dict[str, object]:
    fields = ("members", "was", "state", "reason", "origin", "into", "ended")
    return {name: one[name] for name in fields} | {"covers": one["covers"] if one["said"] else set()}


def test_alerts_and_transitions_equal_a_replay_of_all_that_was_heard(database: str) -> None:
    _live(database, 25)


@pytest.mark.soak
def test_many_more_alerts_and_transitions_equal_a_replay_of_all_that_was_heard(database: str) -> None:
    _live(database, round(150 * soaking.minutes()))


def _live(database: str, histories: int) -> None:
    store = Store(database)
    try:
        run_state_machine_as_test(
            lambda: AlertHistories(store),  # type: ignore[arg-type] # any maker of machines will do
            settings=settings(max_examples=histories, stateful_step_count=20),
        )
    finally:
        store.close()
