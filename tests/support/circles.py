"""Circles and their alerts worked out by plain Python on plain values, sharing no code with `servicegraph.graph`.

Slow and short on purpose: everything rests on the list of all simple circles, found by trying every order of every set of
nodes. Nodes are numbers; an edge is (source, target) with `Tie`, what is said about it.
"""

from __future__ import annotations

import hashlib
from collections import deque
from itertools import combinations, pairwise, permutations
from typing import Any, NamedTuple

Pair = tuple[int, int]


class Tie(NamedTuple):
    """An edge's mode (0 unset, 1 Sync, 2 Async), requirement (0 unset, 1 Soft, 2 Hard) and whether it is accepted."""

    mode: int = 1
    requirement: int = 2
    accepted: bool = False


Edges = dict[Pair, Tie]


def reachable(edges: set[Pair], start: int) -> set[int]:
    """Everything that can be reached by at least one edge."""
    seen: set[int] = set()
    waiting = [start]
    while waiting:
        node = waiting.pop()
        for source, target in edges:
            if source == node and target not in seen:
                seen.add(target)
                waiting.append(target)
    return seen


def components(edges: set[Pair]) -> set[frozenset[int]]:
    """Every largest set of two or more nodes that all reach each other."""
    nodes = {node for pair in edges for node in pair}
    reach = {node: reachable(edges, node) for node in nodes}
    sets = {frozenset({a} | {b for b in nodes if b in reach[a] and a in reach[b]}) for a in nodes}
    return {one for one in sets if len(one) > 1}


def simple_circles(edges: set[Pair], members: frozenset[int]) -> list[tuple[Pair, ...]]:
    """Every circle among the members that visits no node twice, as its edges."""
    found = []
    for size in range(2, len(members) + 1):
        for chosen in combinations(sorted(members), size):
            for others in permutations(chosen[1:]):
                walk = tuple(pairwise((chosen[0], *others, chosen[0])))
                if edges.issuperset(walk):
                    found.append(walk)
    return found


def shortest(edges: set[Pair], members: frozenset[int]) -> int:
    """The length of a shortest circle among the members, by one walk from each."""
    calls: dict[int, list[int]] = {}
    for source, target in sorted(edges):
        if source in members and target in members:
            calls.setdefault(source, []).append(target)
    best = len(members)
    for start in members:
        hops = {start: 0}
        waiting = deque([start])
        while waiting:
            node = waiting.popleft()
            for far in calls.get(node, ()):
                if far == start:
                    best = min(best, hops[node] + 1)
                elif far not in hops:
                    hops[far] = hops[node] + 1
                    waiting.append(far)
    return best


def severity(edges: Edges, circles: list[tuple[Pair, ...]]) -> str:
    """The severity of a component with these circles."""
    if any(all(edges[pair].mode != 2 and edges[pair].requirement == 2 for pair in walk) for walk in circles):
        return "Critical"
    if any(all(edges[pair].mode != 2 for pair in walk) for walk in circles):
        return "Warning"
    return "Info"


def accepted(edges: Edges, circles: list[tuple[Pair, ...]]) -> bool:
    """Whether every circle contains an accepted edge."""
    return all(any(edges[pair].accepted for pair in walk) for walk in circles)


def cost(tie: Tie) -> int:
    """What it costs to give an edge up."""
    if tie.mode == 2:
        return 1
    return 5 if tie.requirement == 2 else 2


def cheapest(edges: Edges, circles: list[tuple[Pair, ...]]) -> int:
    """The least cost of a set of edges that hits every circle, by trying all sets."""
    candidates = sorted({pair for walk in circles for pair in walk})
    return min(
        sum(cost(edges[pair]) for pair in chosen)
        for size in range(1, len(candidates) + 1)
        for chosen in combinations(candidates, size)
        if all(set(walk) & set(chosen) for walk in circles)
    )


class Said(NamedTuple):
    """What a person wrote into an alert's spec; `over`: its time had passed when it was first seen."""

    generation: int
    over: bool = False


class Replay:
    """Alerts followed through the versions, as the contract tells it; ids are strings."""

    def __init__(self) -> None:
        self.alerts: dict[str, dict[str, Any]] = {}
        self.version = 0

    def advance(
        self,
        found: dict[frozenset[str], bool],
        said: dict[str, Said | None] | None = None,
        over: set[str] | None = None,
    ) -> set[tuple[str, str, str]]:
        """The next version; `found` are its components and whether each is accepted. Returns (alert, kind, reason)."""
        self.version += 1
        old = {name: dict(one) for name, one in self.alerts.items()}
        self._listen(said or {}, over or set())
        living = {name: one["members"] for name, one in self.alerts.items() if one["members"]}
        heir = _mutual_choice(living, list(found))
        for members in sorted(found, key=min):
            if members in heir:
                self.alerts[heir[members]]["members"] = members
        for name, members in living.items():
            if name not in heir.values():
                closest = _closest(members, [one for one in found if one & members])
                one = self.alerts[name]
                one |= {"members": frozenset(), "was": members, "gone": self.version}
                one["into"] = heir[closest] if closest else None
        for members in found:
            if members not in heir:
                parents = [one for one in living.values() if one & members]
                closest = _closest(members, parents)
                origin = next((name for name, one in living.items() if one == closest), None)
                self._open(members, origin, (said or {}))
        for one in self.alerts.values():
            self._judge(one, found.get(one["members"], False))
        return self._transitions(old)

    def _listen(self, said: dict[str, Said | None], over: set[str]) -> None:
        for name, one in self.alerts.items():
            if name in over and one["said"] and not one["ended"]:
                one["ended"] = "AcknowledgementExpired"
            if name in said:
                self._hear(one, said[name], one["members"] or one["was"])

    def _open(self, members: frozenset[str], origin: str | None, said: dict[str, Said | None]) -> None:
        past = [name for name, one in self.alerts.items() if not one["members"] and one["was"] == members]
        if past:
            name = max(past, key=lambda one: int(self.alerts[one]["gone"]))
        else:
            digest = hashlib.sha256("\n".join(sorted(members)).encode()).hexdigest()
            names = [f"cycle-{digest[:12]}", *(f"cycle-{digest[:12]}-{n}" for n in range(2, 99))]
            name = next(one for one in names if one not in self.alerts)
            self.alerts[name] = {"said": None, "ended": None, "covers": frozenset()}
            self._hear(self.alerts[name], said.get(name), members)
        self.alerts[name] |= {"members": members, "was": frozenset(), "origin": origin, "into": None}

    @staticmethod
    def _hear(one: dict[str, Any], said: Said | None, members: frozenset[str]) -> None:
        if said is None or said != one["said"]:
            over = said is not None and said.over
            one |= {"said": said, "covers": members, "ended": "AcknowledgementExpired" if over else None}

    @staticmethod
    def _judge(one: dict[str, Any], accepted: bool) -> None:
        if not one["members"]:
            one["state"], one["reason"] = "Resolved", "MergedInto" if one["into"] else "NoCircleLeft"
            return
        if one["said"] and not one["ended"] and one["members"] - one["covers"]:
            one["ended"] = "GrewSinceAcknowledged"
        if one["said"] and not one["ended"]:
            one["state"], one["reason"] = "Acknowledged", "AcknowledgedOnAlert"
        elif accepted:
            one["state"], one["reason"] = "Acknowledged", "AcceptedInManifests"
        else:
            one["state"], one["reason"] = "Open", one["ended"] or "NotAcknowledged"

    def _transitions(self, old: dict[str, dict[str, Any]]) -> set[tuple[str, str, str]]:
        told = set()
        for name, one in self.alerts.items():
            before = old.get(name, {"members": frozenset(), "state": "none"})
            came = not before["members"] and one["members"]
            went = before["members"] and not one["members"]
            new = one["members"] - before["members"]
            if came:
                reason = "CircleIsBack" if name in old else "NewCircle"
                told.add((name, "CycleOpened", "SplitFrom" if one["origin"] else reason))
            elif went:
                told.add((name, "CycleResolved", one["reason"]))
            elif new:
                merged = any(
                    other["into"] == name and old.get(key, one)["members"] and not other["members"]
                    for key, other in self.alerts.items()
                )
                if (before["state"], one["state"]) == ("Acknowledged", "Open"):
                    reason = one["reason"]
                else:
                    reason = "Merged" if merged else "MembersJoined"
                told.add((name, "CycleGrew", reason))
            elif before["members"] - one["members"]:
                split = any(
                    other["origin"] == name and other["members"] and not old.get(key, {}).get("members")
                    for key, other in self.alerts.items()
                )
                told.add((name, "CycleShrank", "Split" if split else "MembersLeft"))
            if one["members"] and one["state"] == "Acknowledged" and (came or before["state"] == "Open"):
                told.add((name, "CycleAcknowledged", one["reason"]))
            if not came and not new and (before["state"], one["state"]) == ("Acknowledged", "Open"):
                told.add((name, "CycleOpened", one["reason"]))
        return told


def _closest(members: frozenset[str], others: list[frozenset[str]]) -> frozenset[str] | None:
    """The one that shares most members; of several the one with the smallest shared id."""
    most = max((len(members & one) for one in others), default=0)
    return min(
        (one for one in others if len(members & one) == most),
        key=lambda one: min(members & one),
        default=None,
    )


def _mutual_choice(
    living: dict[str, frozenset[str]], found: list[frozenset[str]]
) -> dict[frozenset[str], str]:
    """Pair off alerts and components that each prefer the other to all that are still free, until nobody is left."""
    free_alerts, free_components = dict(living), set(found)
    heir: dict[frozenset[str], str] = {}
    while True:
        pairs = []
        for name, members in free_alerts.items():
            choice = _closest(members, [one for one in free_components if one & members])
            if choice and _closest(choice, [one for one in free_alerts.values() if one & choice]) == members:
                pairs.append((name, choice))
        if not pairs:
            return heir
        for name, choice in pairs:
            heir[choice] = name
            del free_alerts[name]
            free_components.remove(choice)
