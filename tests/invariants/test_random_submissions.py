"""Whatever is sent, between whatever is declared: the answer, Postgres and the snapshot equal the fold over it."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from oracle.bodies import uid
from oracle.fold import Folded, fold
from oracle.history import History
from oracle.invariants import check_graph
from oracle.records import Said, observations, statements
from servicegraph.ingest.batch import Batch
from servicegraph.model.apirecord import Understood, understood
from servicegraph.model.submission import Intent, Submission
from support import lives, snapshots, soaking
from support.stores import Store, batch_of

if TYPE_CHECKING:
    from servicegraph.ingest.batch import Committed

names = st.sampled_from([("shop", "one"), ("shop", "two"), ("pay", "one")])
providers = st.sampled_from(["api:ci", "api:catalogue"])
ids = st.sampled_from(["shop/a", "shop/b", "pay/a", "shop/c:datastore", "-/api.stripe.com:external"])
services = st.fixed_dictionaries(
    {"namespace": st.sampled_from(lives.NAMESPACES), "name": st.sampled_from(lives.SERVICES)},
    optional={
        "kind": st.sampled_from(["Datastore", "Queue"]),
        **{field: st.sampled_from(words) for field, words in lives.WORDS.items() if field != "labels"},
        "labels": st.sampled_from([{"tier": "1"}, {"tier": "1", "zone": "2"}]),
    },
)
dependencies = st.fixed_dictionaries(
    {"source": ids, "target": ids},
    optional={
        "protocol": st.sampled_from(["HTTP", "gRPC"]),
        "mode": st.sampled_from(["Sync", "Async"]),
        "requirement": st.sampled_from(["Hard", "Soft"]),
        "timeout": st.sampled_from(["5s", "1m"]),
    },
).filter(lambda one: one["source"] != one["target"])
bodies = st.fixed_dictionaries({
    "services": st.lists(services, max_size=3, unique_by=lambda one: (one["namespace"], one["name"], one.get("kind"))),
    "dependencies": st.lists(dependencies, max_size=4, unique_by=lambda one: (one["source"], one["target"])),
})  # fmt: skip


class Submissions(RuleBasedStateMachine):
    """Keys send, teams declare; each is committed at once."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        self.history = History()
        self.sent: dict[str, Said] = defaultdict(Said)
        self.bodies: dict[tuple[str, str], Any] = {}
        self.lives = 0
        self.version = 0
        self.before: Folded | None = None

    @initialize()
    def begin(self) -> None:
        self.store.begin()

    @rule(provider=providers, intent=st.sampled_from(Intent), body=bodies)
    def send(self, provider: str, intent: Intent, body: Any) -> None:
        said = understood(body)
        assert isinstance(said, Understood), said
        submission = Submission(provider, intent, said.statements, said.observations)
        done = self._commit(Batch(submission=submission), self.sent[provider].take(intent, body))
        assert done.receipt is not None

    @rule(name=names, spec=lives.specs)
    def declare(self, name: tuple[str, str], spec: dict[str, Any]) -> None:
        self.lives += 1
        gone = {uid(self.bodies[name]): None} if name in self.bodies else {}
        self.bodies[name] = lives.body(*name, self.lives, 1, spec, self.lives)
        self.history.show_all(self.bodies.values())
        self._commit(batch_of({**gone, uid(self.bodies[name]): self.bodies[name]}))

    @rule(name=names)
    def delete(self, name: tuple[str, str]) -> None:
        if name in self.bodies:
            gone = uid(self.bodies.pop(name))
            self.history.show_all(self.bodies.values())
            self._commit(batch_of({gone: None}))

    def _commit(self, batch: Batch, counts: dict[str, dict[str, int]] | None = None) -> Committed:
        done = self.store.commit(batch)
        now = datetime.now(UTC)
        expected = fold(self.history.told(), observations(self.sent), now, statements(self.sent))
        seen, addresses = self.store.look()
        assert check_graph("Postgres", expected, seen) == []
        assert check_graph("the snapshot", expected, snapshots.reading(self.store.snapshot())) == []
        assert done.version == self.version + done.changed == seen.version
        assert done.changed or self.before is None or expected[:2] == self.before[:2]
        if counts is not None:
            assert told(done) == counts
            assert done.changed == any(counts[one].keys() - {"unchanged", "absent"} for one in counts)
        self.version, self.before = done.version, expected

        again = self.store.commit(batch)
        assert not again.changed
        assert self.store.look()[1] == addresses, "the same again writes nothing"
        return done


def told(done: Committed) -> dict[str, dict[str, int]]:
    """The numbers of a receipt that are not 0."""
    assert done.receipt is not None
    both = {"services": done.receipt.services, "dependencies": done.receipt.dependencies}
    fields = ("created", "updated", "unchanged", "removed", "absent")
    return {
        name: {field: getattr(counts, field) for field in fields if getattr(counts, field)}
        for name, counts in both.items()
    }


def test_random_submissions_end_in_the_graph_that_follows_from_them(database: str) -> None:
    _send(database, 15)


@pytest.mark.soak
def test_many_random_submissions_end_in_the_graph_that_follows_from_them(database: str) -> None:
    _send(database, round(300 * soaking.minutes()))


def _send(database: str, histories: int) -> None:
    store = Store(database)
    try:
        run_state_machine_as_test(
            lambda: Submissions(store),  # type: ignore[arg-type] # any maker of machines will do
            settings=settings(max_examples=histories, stateful_step_count=15),
        )
    finally:
        store.close()
