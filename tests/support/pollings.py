"""Sources of telemetry that live at random: polled, away, forgotten, while objects come and go and time passes.

After each step Postgres and the snapshot are compared with the oracle.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
)

from oracle.bodies import uid
from oracle.fold import Folded, fold
from oracle.history import History
from oracle.invariants import check_graph
from oracle.names import Raw
from oracle.telemetry import Ages, Shown
from oracle.telemetry import Source as Told
from servicegraph.ingest.batch import Batch
from servicegraph.model.telemetry import Connection, Failure, Poll, RawCall, Source, VirtualEnd
from support import lives, snapshots
from support.stores import Store, batch_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from oracle.bodies import Body

INTERVAL = 300.0
AGES = Ages(stale=3600.0, retention=3600.0, alertable=1200.0)
URLS = {"otel": "http://one", "tempo": "http://one", "other": "http://two"}
CROWD = frozenset(Raw(f"s{number}", "hub", "shop", "shop") for number in range(24))
"""Enough calls of one source that to lose them is a sudden drop."""

CLIENTS = ["a", "b", "c", "a-x2x7k", "a-7d4b9c5f6b-x2x7k", "user"]
HOSTS = ["b:80", "api.stripe.com", "api.stripe.com:443", "10.0.0.1", "c.pay.svc"]
SERVERS = ["a", "b", "c", "d", "a-x2x7k", "unknown", "user", *HOSTS]
raws = st.builds(
    Raw,
    st.sampled_from(CLIENTS),
    st.sampled_from(SERVERS),
    st.sampled_from(["", "shop", "pay"]),
    st.sampled_from(["", "shop", "pay"]),
    st.sampled_from(["", "", "messaging_system", "database", "virtual_node"]),
    st.sampled_from(["", "", "client", "server"]),
)
shown = st.frozensets(raws, max_size=5)
sources = st.sampled_from(sorted(URLS))
steps = st.sampled_from([300.0, 300.0, 600.0, 60.0, 90_000.0, -7200.0])
names = st.sampled_from([("shop", "one"), ("shop", "two"), ("pay", "one")])


def rare(spec: Body, interval: str | None) -> Body:
    """The spec, its calls as rare as that."""
    said = {"expectedInterval": interval} if interval else {}
    return {**spec, "dependencies": [{**one, **said} for one in spec["dependencies"]]}


class Polls(RuleBasedStateMachine):
    """Sources are polled, objects come, change and go, and time passes; after each step everything is compared."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        self.history = History()
        self.bodies: dict[tuple[str, str], Body] = {}
        self.sources: dict[str, Told] = {}
        self.last: dict[str, tuple[frozenset[Raw], Poll]] = {}
        self.lives = 0
        self.now = 1_770_000_000.0
        self.version = 0
        self.before: Folded | None = None

    @initialize()
    def begin(self) -> None:
        self.store.begin()

    @rule(name=names, spec=lives.specs, interval=st.sampled_from([None, None, "1h", "45m"]))
    def declare(self, name: tuple[str, str], spec: Body, interval: str | None) -> None:
        self.lives += 1
        before = self.bodies.get(name, lives.body(*name, self.lives, 0, spec, 1))
        meta = {**before["metadata"], "generation": before["metadata"]["generation"] + 1}
        self.bodies[name] = {**before, "metadata": meta, "spec": rare(spec, interval)}
        self.history.show(self.bodies[name])
        self._commit(batch_of({uid(self.bodies[name]): self.bodies[name]}))

    @precondition(lambda self: self.bodies)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        gone = uid(self.bodies.pop(data.draw(st.sampled_from(sorted(self.bodies)), "name")))
        self.history.forget(gone)
        self._commit(batch_of({gone: None}))

    @rule(name=sources, calls=shown, crowd=st.sampled_from([True, True, True, False]), after=steps)
    def see(self, name: str, calls: frozenset[Raw], crowd: bool, after: float) -> None:
        """A good poll; one of the sources shows a crowd of calls, which may be gone at once."""
        self.now += after
        self.poll(name, calls | CROWD if crowd and name == "other" else calls)

    @rule(name=sources, calls=shown | st.just(frozenset()), after=steps)
    def fail(self, name: str, calls: frozenset[Raw], after: float) -> None:
        """A poll that fails; it may have brought something."""
        self.now += after
        self.poll(name, calls, failed=True)

    @precondition(lambda self: self.last)
    @rule(data=st.data(), polls=st.integers(1, 12), without=st.sets(st.integers(0, 5)))
    def go_on(self, data: st.DataObject, polls: int, without: set[int]) -> None:
        """The same again and again, but for some calls: time passes, and they age."""
        name = data.draw(st.sampled_from(sorted(self.last)), "name")
        calls = frozenset(one for at, one in enumerate(sorted(self.last[name][0])) if at not in without)
        for _ in range(polls):
            self.now += 2 * INTERVAL
            self.poll(name, calls)

    @precondition(lambda self: self.last)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """The last poll of a source once more, as after a commit whose outcome is not known."""
        name = data.draw(st.sampled_from(sorted(self.last)), "name")
        rows = self.store.look()[1]
        if self.last[name][1].at.timestamp() == self.sources[name].last and self._is_settled(name):
            assert not self.store.commit(Batch(polls=[self.last[name][1]])).changed, "nor makes a version"
            assert self.store.look()[1] == rows, "the same poll again writes nothing"

    @precondition(lambda self: self.last)
    @rule(data=st.data())
    def rest(self, data: st.DataObject) -> None:
        self.settle(data.draw(st.sampled_from(sorted(self.last)), "name"))

    def settle(self, name: str) -> None:
        """What is seen three times in a row is steady."""
        calls = self.last[name][0]
        rows: list[dict[str, Any]] = []
        for _ in range(3):
            self.now += 60.0
            self.poll(name, calls)
            rows.append(
                {table: found for table, found in self.store.look()[1].items() if table != "providers"}
            )
        if all(call.absent is None for call in self.sources[name].calls.values()):
            assert rows[1] == rows[2], "a steady poll writes nothing but the row of its source"

    @precondition(lambda self: self.last)
    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.last)), "name")
        del self.last[name], self.sources[name]
        self._commit(Batch(forgotten_sources=[name]))

    def _is_settled(self, name: str) -> bool:
        """Whether names are read now as they were by the last poll, so that to repeat it cannot move anything."""
        probe = Told("", "", INTERVAL)
        probe.poll(Shown(0.0, frozenset(self.sources[name].calls)), self._objects(), AGES)
        known = self.sources[name].calls
        return probe.calls.keys() == known.keys() and all(
            probe.calls[raw].read == known[raw].read for raw in known
        )

    def _objects(self) -> Collection[Body]:
        return [one.good for one in self.history.told() if one.good is not None]

    def poll(self, name: str, calls: frozenset[Raw], *, failed: bool = False) -> None:
        """Poll a source now, and compare everything."""
        at = datetime.fromtimestamp(self.now, UTC)
        source = Source(name, URLS[name], "OTelCollector", "q", INTERVAL)
        failure = Failure("TimedOut", "no answer") if failed else None
        poll = Poll(source, at, dict.fromkeys(map(_raw, calls), 1), failure)
        told = self.sources.setdefault(name, Told(name, URLS[name], INTERVAL))
        told.poll(Shown(self.now, calls, failed), self._objects(), AGES)
        self.last[name] = calls, poll
        self._commit(Batch(polls=[poll]))

    def _commit(self, batch: Batch) -> None:
        done = self.store.commit(batch)
        said = [one for name in sorted(self.sources) for one in self.sources[name].observations()]
        expected = fold(self.history.told(), said, datetime.now(UTC))
        seen, _ = self.store.look()
        snapshot = snapshots.reading(self.store.snapshot())
        wrong = [*check_graph("Postgres", expected, seen), *check_graph("the snapshot", expected, snapshot)]
        assert not wrong, wrong
        assert done.version == self.version + done.changed == seen.version, "each change is one version"
        same = self.before is None or expected[:2] == self.before[:2]
        assert done.changed or same, "what changes the graph makes a version"
        self.version, self.before = done.version, expected


def _raw(one: Raw) -> RawCall:
    return RawCall(*one[:4], Connection(one.connection), VirtualEnd(one.virtual))
