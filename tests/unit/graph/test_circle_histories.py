from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from servicegraph.graph.alerts import Alerts, Diff, Moment, News, diff
from servicegraph.graph.columns import Node
from servicegraph.model.alert import Acknowledgement, Alert
from servicegraph.model.ids import ServiceKey
from support import circles as plain
from support.alerting import BEGINNING, circles
from support.circles import Replay, Said, Tie

if TYPE_CHECKING:
    from collections.abc import Mapping

# In the order of keys, which is not that of ids, so that ties show which of the two decides.
KEYS = [ServiceKey("", namespace, name, "Service") for namespace in ("a", "a-b") for name in "wxyz"][:7]
NODES = tuple(Node(key, stated=True) for key in KEYS)
PLACE = {key: at for at, key in enumerate(KEYS)}


class Step(NamedTuple):
    """What happens between two versions; rings and alerts are meant by their number, whichever there are."""

    rings: frozenset[int]
    """Which of the history's rings there are now."""
    further: plain.Edges
    """Edges that there are now beside them."""
    said: dict[int, Said | None]
    over: frozenset[int]
    forget: frozenset[int]


class History(NamedTuple):
    """A few rings that come and go, so that circles merge, split and come back."""

    rings: list[plain.Edges]
    steps: list[Step]


ALL = range(len(KEYS))
pairs = st.sampled_from([(one, other) for one in ALL for other in ALL if one != other])
ties = st.builds(Tie, st.integers(1, 2), st.integers(0, 2), st.integers(0, 7).map(lambda one: one == 0))


@st.composite
def rings(draw: st.DrawFn) -> plain.Edges:
    members = draw(st.lists(st.sampled_from(ALL), min_size=2, max_size=5, unique=True))
    return {pair: draw(ties) for pair in zip(members, members[1:] + members[:1], strict=True)}


def numbers(largest: int, most: int) -> st.SearchStrategy[frozenset[int]]:
    return st.frozensets(st.integers(0, largest), max_size=most)


words = st.builds(Said, st.integers(1, 3), st.integers(0, 4).map(lambda one: one == 0))
steps = st.builds(
    Step,
    numbers(4, 3),
    st.dictionaries(pairs, ties, max_size=2),
    st.dictionaries(st.integers(0, 3), words | words | st.none(), max_size=3),
    numbers(9, 1),
    numbers(9, 1),
)
histories = st.builds(
    History, st.lists(rings(), min_size=5, max_size=5), st.lists(steps, min_size=1, max_size=12)
)


def acknowledgement(said: Said | None) -> Acknowledgement | None:
    if said is None:
        return None
    return Acknowledgement(said.generation, "known", until=BEGINNING if said.over else None)


def as_replayed(alert: Alert) -> dict[str, object]:
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


def replayed(one: dict[str, object]) -> dict[str, object]:
    fields = ("members", "was", "state", "reason", "origin", "into", "ended")
    return {name: one[name] for name in fields} | {"covers": one["covers"] if one["said"] else set()}


def told(found: Diff) -> list[tuple[str, str, str]]:
    return [(one.alert, one.kind, one.reason) for one in found.transitions]


@given(histories)
def test_alerts_states_names_and_transitions_equal_a_replay_of_the_versions(history: History) -> None:
    replay = Replay()
    kept = Alerts.of([])
    for version, step in enumerate(history.steps, 1):
        edges = dict(step.further)
        for ring in sorted(step.rings):
            edges |= history.rings[ring]
        kept = forget(kept, replay, step)
        by_number = dict(enumerate(sorted(kept.by_name)))
        said = {by_number[at]: words for at, words in step.said.items() if at in by_number}
        over = {by_number[at] for at in step.over if at in by_number}
        news = News({name: acknowledgement(words) for name, words in said.items()}, over)
        now = Moment(version, BEGINNING)

        found = diff(kept, circles(edges, NODES), now, news)
        shuffled = Alerts.of(sorted(kept.by_name.values(), key=lambda alert: alert.shape))
        afresh = diff(shuffled, circles(edges, tuple(Node(*node) for node in NODES)), now, news)
        assert (found.alerts.by_name, told(found)) == (afresh.alerts.by_name, told(afresh))

        components = {
            members: plain.accepted(edges, plain.simple_circles(set(edges), members))
            for members in plain.components(set(edges))
        }
        printed = {frozenset(str(KEYS[at]) for at in one): accepted for one, accepted in components.items()}
        expected = replay.advance(printed, said, over)
        assert sorted(told(found)) == sorted(expected)
        assert len({(one.alert, one.version, one.kind) for one in found.transitions}) == len(
            found.transitions
        )
        alerts = found.alerts.by_name
        assert {name: as_replayed(one) for name, one in alerts.items()} == {
            name: replayed(one) for name, one in replay.alerts.items()
        }
        assert {name for name, one in alerts.items() if one != kept.by_name.get(name)} == {
            one.name for one in found.changed
        }
        open_ones = [one for one in alerts.values() if one.state != "Resolved"]
        assert len(open_ones) == len(printed)
        assert {frozenset(one.ids) for one in open_ones} == set(printed)
        for alert in open_ones:
            explains_its_component(alert, edges)
        kept = found.alerts


def forget(kept: Alerts, replay: Replay, step: Step) -> Alerts:
    """Let some resolved alerts go, as retention does."""
    resolved = [name for name, one in kept.by_name.items() if one.state == "Resolved"]
    gone = {name for at, name in enumerate(resolved) if at in step.forget}
    for name in gone:
        del replay.alerts[name]
    return replace(kept, by_name={name: one for name, one in kept.by_name.items() if name not in gone})


def explains_its_component(alert: Alert, edges: Mapping[tuple[int, int], Tie]) -> None:
    """What an alert says about its circle holds for the edges of this version, however long ago it was worked out."""
    own = {PLACE[key] for key in alert.members}
    inside = {pair: tie for pair, tie in edges.items() if own.issuperset(pair)}
    walks = plain.simple_circles(set(inside), frozenset(own))
    assert alert.severity == plain.severity(inside, walks)
    assert alert.accepted == plain.accepted(inside, walks)
    walk = [PLACE[key] for key in alert.witness]
    assert set(pairwise(walk)) <= set(inside)
    assert len(walk) - 1 == min(map(len, walks))
    cut = {(PLACE[one.source], PLACE[one.target]) for one in alert.cut}
    assert len(cut) == alert.cut_size
    assert plain.components(set(inside) - cut) == set()
