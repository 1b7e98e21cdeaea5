"""What `servicegraph check` says of files is what Postgres holds once they are applied: the same circles, as bad."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from servicegraph.checks.changes import assess
from servicegraph.checks.manifests import Reading
from servicegraph.graph.blank import blank
from servicegraph.graph.columns import ObjectName
from servicegraph.ingest.batch import Batch
from servicegraph.model.alert import AlertState, TransitionKind
from servicegraph.model.fields import print_time
from servicegraph.model.observation import DeclaredObject, RemovedObject
from servicegraph.model.translate import translate
from servicegraph.store import alerts
from servicegraph.store.engine import transaction
from servicegraph.store.snapshot import load
from support.manifests import manifest, text
from support.stored import empty

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.checks.changes import Assessment
    from servicegraph.clock import SteppedClock
    from servicegraph.ingest.batch import Committed
    from servicegraph.ingest.commit import GraphWriter
    from servicegraph.model.alert import Alert

    Bodies = dict[str, dict[str, Any]]
    Circles = dict[tuple[Any, ...], tuple[str, bool]]

SERVICES = "abcdef"
OBJECTS = ("one", "two", "three", "four", "five")
ACCEPTED: tuple[dict[str, Any], ...] = ({}, {}, {}, {"acceptedCycle": {"reason": "known"}})

dependencies = st.builds(
    lambda name, mode, need, more: {"name": name, "mode": mode, "requirement": need, **more},
    st.sampled_from(SERVICES),
    st.sampled_from(["Sync", "Async"]),
    st.sampled_from(["Hard", "Soft"]),
    st.sampled_from(ACCEPTED),
)


@st.composite
def files(draw: st.DrawFn) -> Bodies:
    """A few objects by name, each about any service."""
    found = {}
    for name in draw(st.lists(st.sampled_from(OBJECTS), unique=True, min_size=1)):
        service = draw(st.sampled_from(SERVICES))
        calls = draw(st.lists(dependencies, max_size=3, unique_by=lambda one: one["name"]))
        targets = [one for one in calls if one["name"] != service]
        found[name] = manifest(name, *targets, service={"name": service}, namespace="shop")
    return found


def foreseen(done: Assessment) -> Circles:
    return {one.members: (one.severity, one.accepted) for one in done.circles}


def held(found: list[Alert]) -> Circles:
    return {one.members: (one.severity, one.accepted) for one in found if one.members}


async def kept(engine: AsyncEngine) -> list[Alert]:
    async with transaction(engine, read_only=True) as conn:
        return list(await alerts.kept(conn))


class Cluster:
    """Objects as a cluster holds them: one that is applied again keeps its uid and its age."""

    def __init__(self, writer: GraphWriter, clock: SteppedClock) -> None:
        self._writer = writer
        self._clock = clock
        self._held: dict[str, dict[str, Any]] = {}
        self._made = 0

    async def apply(self, bodies: Bodies, removed: frozenset[str] = frozenset()) -> Committed:
        """Apply manifests and delete objects, all in one transaction."""
        gone = [
            RemovedObject(self._held.pop(name)["uid"], "deleted")
            for name in sorted(removed & self._held.keys())
        ]
        said = []
        for name, body in bodies.items():
            if name not in self._held:
                self._made += 1
                made = print_time(self._clock.now())
                self._held[name] = {"uid": f"uid-{self._made}", "generation": 0, "creationTimestamp": made}
            self._held[name]["generation"] += 1
            one = translate({**body, "metadata": {**body["metadata"], **self._held[name]}})
            assert isinstance(one, DeclaredObject)
            said.append(one)
        return await self._writer.commit(Batch(said, [], gone))


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=files(), second=files(), removed=st.frozensets(st.sampled_from(OBJECTS), max_size=1))
async def test_the_circles_that_are_foreseen_are_the_alerts_that_appear(
    engine: AsyncEngine,
    writer: GraphWriter,
    clock: SteppedClock,
    first: Bodies,
    second: Bodies,
    removed: frozenset[str],
) -> None:
    async with transaction(engine) as conn:
        await empty(conn)
    removed -= second.keys()
    cluster = Cluster(writer, clock)

    reading = Reading()
    reading.add_text(text(*first.values()))
    said = assess(blank(), reading.proposals, now=clock.now())
    await cluster.apply(first)
    assert foreseen(said) == held(await kept(engine))
    waiting = {one.members for one in said.circles if not one.accepted}
    assert waiting == {one.members for one in await kept(engine) if one.state is AlertState.OPEN}

    clock.step(timedelta(hours=1))
    before = await load(engine)
    old = {one.members for one in before.alerts if one.members}
    reading = Reading()
    reading.add_text("".join(f"---\n{yaml.safe_dump(one)}" for one in second.values()))
    gone = [ObjectName("shop", name) for name in removed]
    said = assess(before, reading.proposals, gone, now=clock.now())
    done = await cluster.apply(second, removed)
    after = {one.name: one for one in await kept(engine)}
    told = [after[one.alert] for one in done.told if one.kind in {TransitionKind.OPENED, TransitionKind.GREW}]
    # Of what was a circle before, a piece may get an alert of its own, or nobody accepts it any more: nothing closes.
    appeared = [one for one in told if not any(set(one.members) <= set(members) for members in old)]
    assert foreseen(said) == held(appeared)
