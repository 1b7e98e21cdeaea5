"""Worlds of a few objects and calls seen by telemetry, before and after a change: what `checks.changes` has to foresee.

The graph after the change is built from scratch, so nothing is shared with the code that lays a change over a graph.
"""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st

from servicegraph.checks.proposal import Proposal
from servicegraph.graph.alerts import Alerts, Diff, Moment, diff
from servicegraph.graph.columns import NO_OBJECT, Node, ObjectName
from servicegraph.graph.components import find_circles
from servicegraph.graph.snapshot import Snapshot, build
from servicegraph.model.ids import ServiceKey
from servicegraph.model.observation import Observation, Statement
from servicegraph.model.vocabulary import Mode, Requirement
from support.alerting import BEGINNING
from support.graphs import MARK, PROTOCOLS, PROVIDERS, columns, facts
from support.reference import Fact

KEYS = [ServiceKey("", "shop", name, "Service") for name in ("a", "b", "c", "d", "e", "f")]
NAMES = [ObjectName("shop", name) for name in ("one", "two", "three", "four")]
MODES = {1: Mode.SYNC, 2: Mode.ASYNC}
REQUIREMENTS = {1: Requirement.SOFT, 2: Requirement.HARD}


class Call(NamedTuple):
    """A dependency: the number of its target, and the numbers of what is said."""

    target: int
    mode: int = 1
    requirement: int = 2
    accepted: bool = False


class Object(NamedTuple):
    """An object: the number of its service, and what that calls."""

    source: int
    calls: tuple[Call, ...]


Objects = dict[ObjectName, Object]
"""By name, the oldest first."""


class World(NamedTuple):
    """What is known before, and what changes."""

    before: Objects
    seen: list[Fact]
    added: Objects
    removed: frozenset[ObjectName]

    @property
    def after(self) -> Objects:
        """The objects there are then: who stays keeps its age; who is new comes in the order of the names."""
        staying = {
            name: self.added.get(name, one) for name, one in self.before.items() if name not in self.removed
        }
        new = {name: one for name, one in sorted(self.added.items()) if name not in staying}
        return staying | new


def _calls(source: int) -> st.SearchStrategy[tuple[Call, ...]]:
    targets = st.sampled_from([number for number in range(len(KEYS)) if number != source])
    call = st.builds(
        Call, targets, st.integers(1, 2), st.integers(1, 2), st.integers(0, 3).map(lambda n: n == 0)
    )
    return st.lists(call, max_size=4, unique_by=lambda one: one.target).map(tuple)


_objects = st.dictionaries(
    st.sampled_from(NAMES),
    st.integers(0, len(KEYS) - 1).flatmap(lambda source: st.builds(Object, st.just(source), _calls(source))),
    max_size=len(NAMES),
)
worlds = st.builds(
    World,
    _objects,
    st.lists(facts(len(KEYS)).filter(lambda fact: fact.provider > 0), max_size=6),
    _objects,
    st.frozensets(st.sampled_from(NAMES), max_size=1),
).filter(lambda world: not world.removed & world.added.keys())


def graph(
    objects: Objects, seen: list[Fact], alerts: Alerts | None = None, *, whole: bool = True
) -> Snapshot:
    """The graph of these objects and calls; unless `whole`, only services that something names are nodes of it."""
    said = [
        Fact(
            one.source,
            call.target,
            rank=rank,
            mode=call.mode,
            requirement=call.requirement,
            accepted=call.accepted,
        )
        for rank, one in enumerate(objects.values(), 1)
        for call in one.calls
    ] + seen
    about = {one.source for one in objects.values()}
    named = about | {end for fact in said for end in (fact.source, fact.target)}
    kept = [number for number in range(len(KEYS)) if whole or number in named]
    place = {number: at for at, number in enumerate(kept)}
    moved = [fact._replace(source=place[fact.source], target=place[fact.target]) for fact in said]
    nodes = [Node(KEYS[number], stated=number in about) for number in kept]
    held = alerts.by_name.values() if alerts else ()
    return build(
        MARK, nodes, PROVIDERS, PROTOCOLS, columns(moved), alerts=list(held), objects=[NO_OBJECT, *objects]
    )


def alerts_of(snapshot: Snapshot, before: Alerts | None = None) -> Diff:
    """What becomes of the alerts when the graph becomes this one."""
    return diff(before or Alerts.of([]), find_circles(snapshot), Moment(2 if before else 1, BEGINNING))


def proposals(objects: Objects) -> list[Proposal]:
    """The same objects as manifests."""
    return [
        Proposal(
            name,
            Statement(KEYS[one.source]),
            tuple(
                Observation(
                    str(KEYS[call.target]),
                    {},
                    KEYS[one.source],
                    KEYS[call.target],
                    mode=MODES[call.mode],
                    requirement=REQUIREMENTS[call.requirement],
                    accepted=call.accepted,
                )
                for call in one.calls
            ),
            number,
        )
        for number, (name, one) in enumerate(objects.items())
    ]
