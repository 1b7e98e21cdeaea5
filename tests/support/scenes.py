"""The given topologies in namespaces of one cluster: declared or not, called or not, and what must come of that.

What must come of it is worked out here from the topology files and the rules in prose, by plain sets of printed ids; nothing of
the product is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from support.manifests import manifest

if TYPE_CHECKING:
    from support.given import Given

Edge = tuple[str, str]
_KINDS = {"database": "Datastore", "cache": "Datastore", "queue": "Queue", "external": "External"}


@dataclass(frozen=True)
class Scene:
    """One topology in one namespace.

    Attributes:
        namespace: of all its services.
        given: the topology.
        called: the calls that are made.
        declared: the calls that are declared, those that are the wrong way round included.
        objects: whether every service that somebody owns has an object.
    """

    namespace: str
    given: Given
    called: frozenset[Edge]
    declared: frozenset[Edge]
    objects: bool = True

    @property
    def owned(self) -> list[str]:
        """The services with an object."""
        return [name for name, kind in self.given.kinds.items() if kind != "external"] if self.objects else []

    def kind(self, name: str) -> str:
        return _KINDS.get(self.given.kinds[name], "Service")

    def id(self, name: str) -> str:
        """The id of a service as its owner would print it."""
        kind = self.kind(name)
        place = "-" if kind == "External" else self.namespace
        return f"{place}/{name}" + ("" if kind == "Service" else f":{kind.lower()}")

    def manifests(self) -> list[dict[str, Any]]:
        """An object for every service that somebody owns."""
        return [
            manifest(
                name,
                *(
                    {"name": target, "kind": self.kind(target)}
                    for source, target in sorted(self.declared)
                    if source == name
                ),
                service={"kind": self.kind(name)},
            )
            for name in self.owned
        ]

    @cached_property
    def said(self) -> set[Edge]:
        """The declared edges by id."""
        return {(self.id(source), self.id(target)) for source, target in self.declared}

    def seen_as(self, name: str) -> str:
        """The id under which what sends no spans is found by its raw name."""
        known = set(self.owned) | {target for _, target in self.declared}
        part = self.given.kinds[name]
        if part == "database" or (part == "cache" and name in known):
            return f"{self.namespace}/{name}:datastore"
        if "." in name or (part == "external" and name in known):
            return f"-/{name}:external"
        return f"{self.namespace}/{name}"

    @cached_property
    def seen(self) -> set[Edge]:
        """The edges that telemetry shows, by id."""
        made = self.given.only(self.called)
        half = made.to("database", "cache", "external", "infrastructure")
        found = {(self.id(source), self.id(target)) for source, target in made.plain | made.relayed}
        return found | {(self.id(source), self.seen_as(target)) for source, target in half}

    @cached_property
    def relayed(self) -> set[Edge]:
        """The messages whose queue both ends declare."""
        queues = {name for name in self.given.kinds if self.kind(name) == "Queue"}
        return {
            (self.id(source), self.id(target))
            for source, target in self.given.only(self.called).relayed
            if any({(source, queue), (target, queue)} <= self.declared for queue in queues)
        }

    @cached_property
    def to_queues(self) -> set[Edge]:
        """The declared edges that no collector can show."""
        return {edge for edge in self.said if edge[1].endswith(":queue")}

    @cached_property
    def undeclared(self) -> set[Edge]:
        """What is seen and nobody has declared."""
        return self.seen - self.said - self.relayed

    @cached_property
    def swapped(self) -> set[Edge]:
        """Declared, while only the other direction is seen, which nobody declares."""
        missing = self.said - self.seen - self.to_queues
        return {(a, b) for a, b in missing if (b, a) in self.undeclared}

    def observed(self, name: str) -> tuple[str, str, dict[str, int]]:
        """Status and reason of the condition Observed of an object, and its numbers."""
        own = {edge for edge in self.said if edge[0] == self.id(name)}
        judged = own - self.to_queues
        met, turned = judged & self.seen, judged & self.swapped
        numbers = {
            "declared": len(own),
            "observed": len(met),
            "unobserved": len(judged - met),
            "undeclared": len({edge for edge in self.undeclared if edge[0] == self.id(name)}),
        }
        if turned:
            return "False", "OnlyReverseObserved", numbers
        if judged - met:
            return "False", "PartlyObserved" if met else "NeverObserved", numbers
        if own and not judged:
            return "Unknown", "NoProvider", numbers
        return "True", "AllObserved", numbers

    @cached_property
    def circles(self) -> set[frozenset[str]]:
        """Everybody who reaches each other, over what is declared and what is seen."""
        edges = self.said | self.seen
        reach = {node: {node} for edge in edges for node in edge}
        for _ in reach:
            for source, target in edges:
                reach[source] |= reach[target]
        rings = {frozenset(b for b in reach if b in reach[a] and a in reach[b]) for a in reach}
        return {ring for ring in rings if len(ring) > 1}


def bare(namespace: str, given: Given) -> Scene:
    """All calls are made, and nobody declares anything."""
    return Scene(namespace, given, frozenset(given.edges), frozenset(), objects=False)


def whole(namespace: str, given: Given) -> Scene:
    """All calls are made and declared."""
    return Scene(namespace, given, frozenset(given.edges), frozenset(given.edges))


def halves(namespace: str, given: Given) -> Scene:
    """A third each of the calls is declared and made, declared only, made only; one of the last is declared turned round."""
    edges = sorted(given.edges)
    called = frozenset(edges[0::3] + edges[2::3])
    turned = next((b, a) for a, b in edges[2::3] if (a, b) in given.plain and (b, a) not in edges)
    return Scene(namespace, given, called, frozenset([*edges[0::3], *edges[1::3], turned]))
