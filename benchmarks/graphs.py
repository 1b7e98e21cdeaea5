"""Graphs that look like large installations, in any size and the same at every run.

Few services are called by many (in-degree after Zipf, exponent 0.8), most call a handful and some call hundreds (out-degree
log-normal), and two calls in a hundred go back against the order of things, which ties most of the graph into one component.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from servicegraph.graph.columns import NEVER, Mark, Node, ObservationColumns, Provider
from servicegraph.graph.snapshot import Snapshot, build
from servicegraph.model.ids import Kind, ServiceKey
from servicegraph.model.observation import DeclaredObject, Observation, Statement
from servicegraph.model.vocabulary import Evidence, Flag, Mode, Requirement

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Pairs = npt.NDArray[np.int64]

PROVIDERS = (Provider("declared", "declared"),)
PROTOCOLS = ("", "gRPC")
_MARK = Mark("benchmark", 1, 1, datetime(2026, 1, 1, tzinfo=UTC))
_BACKWARDS = 0.02
_PER_NAMESPACE = 50


@dataclass(frozen=True, slots=True)
class Size:
    """How large a graph is."""

    nodes: int
    edges: int

    def __str__(self) -> str:
        return f"{_short(self.nodes)}/{_short(self.edges)}"


SIZES = (Size(5_000, 25_000), Size(50_000, 250_000), Size(100_000, 1_000_000))
KNOT = Size(2_000, 20_000)
"""One component in which everything reaches everything."""


def key(number: int) -> ServiceKey:
    """The service with this number; keys are in the order of numbers."""
    return ServiceKey("", f"team-{number // _PER_NAMESPACE:05}", f"service-{number:06}", Kind.SERVICE.value)


def nodes(size: Size) -> list[Node]:
    """The services, in the order of their keys."""
    return [Node(key(at), stated=True) for at in range(size.nodes)]


def pairs(size: Size, *, circles: bool = True, seed: int = 1) -> Pairs:
    """Source and target of each edge, in no order; without `circles` the backward calls go forward."""
    random = np.random.default_rng(seed)
    calls = random.lognormal(1.2, 0.9, size.nodes)
    called = np.arange(1, size.nodes + 1) ** -0.8
    found = np.empty(0, np.int64)
    while len(found) < size.edges:
        one = random.choice(size.nodes, size.edges, p=calls / calls.sum())
        other = random.choice(size.nodes, size.edges, p=called / called.sum())
        near, far = np.maximum(one, other), np.minimum(one, other)
        back = random.random(size.edges) < _BACKWARDS
        if circles:
            near, far = np.where(back, far, near), np.where(back, near, far)
        found = np.unique(np.concatenate((found, (near * size.nodes + far)[near != far])))
    found = random.permutation(found)[: size.edges]
    return np.stack((found // size.nodes, found % size.nodes), axis=1)


def knot(size: Size, *, circles: bool = True, seed: int = 1) -> Pairs:
    """A ring through all services and random calls across it; without `circles` each call goes to the smaller number."""
    random = np.random.default_rng(seed)
    at = np.arange(size.nodes)
    ring = np.stack((at, (at + 1) % size.nodes), axis=1)
    across = random.integers(0, size.nodes, (2 * size.edges, 2))
    across = across[across[:, 0] != across[:, 1]]
    both = np.concatenate((ring, across))
    if not circles:
        both = np.sort(both, axis=1)[:, ::-1]
    numbers = both[:, 0] * size.nodes + both[:, 1]
    _, first = np.unique(numbers, return_index=True)
    return both[np.sort(first)][: size.edges]


def observations(edges: Pairs, size: Size, *, seed: int = 1) -> ObservationColumns:
    """One declared observation for each edge."""
    random = np.random.default_rng(seed)
    count = len(edges)
    return ObservationColumns(
        source=edges[:, 0].astype(np.int32),
        target=edges[:, 1].astype(np.int32),
        provider=np.zeros(count, np.int16),
        rank=random.integers(0, size.nodes, count, dtype=np.int32),
        evidence=np.full(count, Evidence.DECLARED, np.int8),
        mode=random.integers(Mode.SYNC, Mode.ASYNC + 1, count, dtype=np.int8),
        requirement=random.integers(Requirement.SOFT, Requirement.HARD + 1, count, dtype=np.int8),
        flags=np.full(count, Flag.PRESENT | Flag.CONFIRMED | Flag.ALERTABLE, np.uint8),
        protocol=np.ones(count, np.int32),
        first_seen=np.full(count, 1_767_225_600_000_000, np.int64),
        last_seen=np.full(count, NEVER, np.int64),
    )


def snapshot(edges: Pairs, size: Size) -> Snapshot:
    """These edges, ready to be asked."""
    return build(_MARK, nodes(size), PROVIDERS, PROTOCOLS, observations(edges, size))


def batches(edges: Pairs, largest: int, *, seed: int = 1) -> Iterator[list[DeclaredObject]]:
    """Every service that calls as one declared object, in no order; each batch but the first declares about `largest` edges."""
    ordered = edges[np.argsort(edges[:, 0], kind="stable")]
    sources, first = np.unique(ordered[:, 0], return_index=True)
    ends = np.append(first[1:], len(ordered))
    batch: list[DeclaredObject] = []
    room = len(edges) % largest or largest
    for at in np.random.default_rng(seed).permutation(len(sources)).tolist():
        targets = ordered[first[at] : ends[at], 1].tolist()
        if batch and room <= 0:
            yield batch
            batch, room = [], largest
        batch.append(_declared(int(sources[at]), targets))
        room -= len(targets)
    yield batch


def _declared(source: int, targets: list[int]) -> DeclaredObject:
    caller = key(source)
    return DeclaredObject(
        uid=f"00000000-0000-4000-8000-{source:012}",
        namespace=caller.namespace,
        name=caller.name,
        generation=1,
        created_at=_MARK.as_of + timedelta(seconds=source),
        statement=Statement(caller, technology="go", team=caller.namespace, criticality="High"),
        observations=tuple(_observation(caller, key(target)) for target in targets),
    )


def _observation(source: ServiceKey, target: ServiceKey) -> Observation:
    return Observation(
        raw_key=str(target),
        raw={"name": target.name, "namespace": target.namespace, "kind": target.kind},
        source=source,
        target=target,
        protocol=PROTOCOLS[1],
        mode=Mode.SYNC,
        requirement=Requirement.HARD,
        details={"timeout": "300ms"},
    )


def _short(count: int) -> str:
    """2000 as 2k, 1000000 as 1M."""
    return f"{count // 1_000_000}M" if count >= 1_000_000 else f"{count // 1_000}k"
