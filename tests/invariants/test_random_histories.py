"""Whatever happens to objects, in whatever batches it is heard of: Postgres, the snapshot and the statuses equal the fold."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

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

from oracle.bodies import uid
from oracle.fold import Folded, fold
from oracle.history import History
from oracle.invariants import check_conditions, check_graph
from servicegraph.writeback.desired import desired
from servicegraph.writeback.live import LiveObject
from servicegraph.writeback.standing import Stalled, Stored
from support import lives, snapshots, soaking
from support.stores import Store, batch_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oracle.bodies import Body
    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.ingest.batch import Batch, Committed
    from servicegraph.writeback.standing import Standing

names = st.sampled_from([("shop", "one"), ("shop", "two"), ("shop", "three"), ("pay", "one")])


class Histories(RuleBasedStateMachine):
    """Objects live, and now and then what has changed is heard of: of each object the last word, as the inbox keeps it."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        self.history = History()
        self.observations: list[dict[str, Any]] = []
        self.bodies: dict[tuple[str, str], Body] = {}
        self.standings: dict[str, Standing] = {}
        self.statuses: dict[str, dict[str, Any]] = {}
        self.unheard: dict[str, Body | None] = {}
        self.untold: dict[tuple[str, str], list[str]] = defaultdict(list)
        """Earlier objects of a name whose end nobody told, since the last commit: hearing of the new one tells it."""
        self.lives = 0
        self.day = 0
        self.version = 0
        self.before: Folded | None = None

    @initialize(observations=st.lists(lives.observations(), max_size=6, unique_by=lives.said_by))
    def begin(self, observations: list[dict[str, Any]]) -> None:
        self.observations = observations
        self.store.begin(observations)

    @rule(name=names, spec=lives.specs)
    def declare(self, name: tuple[str, str], spec: dict[str, Any]) -> None:
        if name in self.bodies:
            meta = self.bodies[name]["metadata"]
            self._now(
                {
                    **self.bodies[name],
                    "metadata": {**meta, "generation": meta["generation"] + 1},
                    "spec": spec,
                }
            )
        else:
            self._make(name, spec)

    @rule(name=names, damage=lives.damages)
    def damage(self, name: tuple[str, str], damage: dict[str, Any]) -> None:
        spec = (
            self.bodies[name]["spec"]
            if name in self.bodies
            else {"service": {"name": "a", "kind": "Service"}}
        )
        self.declare(name, {**spec, **damage})

    @precondition(lambda self: self.bodies)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.bodies)), "name")
        for gone in (uid(self.bodies.pop(name)), *self.untold.pop(name, ())):
            self.unheard[gone] = None

    @precondition(lambda self: self.bodies)
    @rule(data=st.data(), spec=lives.specs, told=st.booleans())
    def make_again(self, data: st.DataObject, spec: dict[str, Any], told: bool) -> None:
        """With the same name at once; the end of the old one may go unheard."""
        name = data.draw(st.sampled_from(sorted(self.bodies)), "name")
        gone = uid(self.bodies.pop(name))
        if told:
            self.unheard[gone] = None
        else:
            self.untold[name].append(gone)
        self.day += 1
        self._make(name, spec)

    @precondition(lambda self: self.unheard)
    @rule()
    def hear(self) -> None:
        """Commit, and compare everything."""
        batch = batch_of(self.unheard)
        self.history.show(*(body for body in self.unheard.values() if body is not None))
        self.history.show_all(self.bodies.values())
        self.unheard = {}
        self.untold.clear()
        done = self.store.commit(batch)
        expected = fold(self.history.told(), self.observations, datetime.now(UTC))
        seen, addresses = self.store.look()
        snapshot = self.store.snapshot()
        assert check_graph("Postgres", expected, seen) == []
        assert check_graph("the snapshot", expected, snapshots.reading(snapshot)) == []
        assert check_conditions(expected, self._told(batch, done, snapshot)) == []
        assert done.version == self.version + done.changed == seen.version
        assert done.changed or self.before is None or expected[:2] == self.before[:2]
        self.version, self.before = done.version, expected

        again = self.store.commit(batch)
        assert not again.changed
        assert self.store.look()[1] == addresses, "the same again writes nothing"

    def teardown(self) -> None:
        if self.unheard:
            self.hear()

    def _make(self, name: tuple[str, str], spec: dict[str, Any]) -> None:
        self.lives += 1
        self._now(lives.body(*name, self.lives, 1, spec, self.day))

    def _now(self, body: Body) -> None:
        self.bodies[body["metadata"]["namespace"], body["metadata"]["name"]] = body
        self.unheard[uid(body)] = body

    def _told(self, batch: Batch, done: Committed, snapshot: Snapshot) -> Iterator[Body]:
        """The living objects with their statuses, as the write-back would make them."""
        self.standings |= {
            one.uid: Stored(one.generation, done.stored[one.uid])
            for one in batch.objects
            if one.uid in done.stored
        }
        self.standings |= {one.uid: Stalled(one.generation, one.reason, one.message) for one in batch.stalled}
        for body in self.bodies.values():
            shown = {**body, "status": self.statuses.get(uid(body), {})}
            status = desired(LiveObject.of(shown), self.standings[uid(body)], snapshot, datetime.now(UTC))
            self.statuses[uid(body)] = status
            yield {**body, "status": status}


def test_random_histories_end_in_the_graph_that_follows_from_them(database: str) -> None:
    _live(database, 25)


@pytest.mark.soak
def test_many_random_histories_end_in_the_graph_that_follows_from_them(database: str) -> None:
    _live(database, round(300 * soaking.minutes()))


def _live(database: str, histories: int) -> None:
    """A failing history is printed step by step, shrunk, with what replays it."""
    store = Store(database)
    try:
        run_state_machine_as_test(
            lambda: Histories(store),  # type: ignore[arg-type] # any maker of machines will do
            settings=settings(max_examples=histories, stateful_step_count=25),
        )
    finally:
        store.close()
