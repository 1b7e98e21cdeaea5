"""Graphs that look like large installations, in any size and the same at every run.

Few services are called by many (in-degree after Zipf, exponent 0.8), most call a handful and some call hundreds (out-degree
log-normal), and two calls in a hundred go back against the order of things, which ties most of the graph into one component.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from servicegraph.graph.columns import NEVER, Node, ObservationColumns, Provider
from servicegraph.model.ids import Kind, ServiceKey
from servicegraph.model.vocabulary import Evidence, Flag, Mode, Requirement

PROVIDERS = (Provider("declared", "declared"),)
PROTOCOLS = ("", "gRPC")
_BACKWARDS = 0.02
_PER_NAMESPACE = 50


@dataclass(frozen=True, slots=True)
class Size:
    """How large a graph is."""

    nodes: int
    edges: int

    def __str__(self) -> str:
        return f"{self.nodes // 1000}k/{self.edges // 1000}k"


SIZES = (Size(5_000, 25_000), Size(50_000, 250_000), Size(100_000, 1_000_000))


def nodes(size: Size) -> list[Node]:
    """The services, in the order of their keys."""
    return [
        Node(ServiceKey("", f"team-{at // _PER_NAMESPACE:05}", f"service-{at:06}", Kind.SERVICE), stated=True)
        for at in range(size.nodes)
    ]


def observations(size: Size, *, circles: bool = True, seed: int = 1) -> ObservationColumns:
    """One declared observation for each edge, in no order; without `circles` the backward calls go forward."""
    random = np.random.default_rng(seed)
    calls = random.lognormal(1.2, 0.9, size.nodes)
    called = np.arange(1, size.nodes + 1) ** -0.8
    pairs = np.empty(0, np.int64)
    while len(pairs) < size.edges:
        one = random.choice(size.nodes, size.edges, p=calls / calls.sum())
        other = random.choice(size.nodes, size.edges, p=called / called.sum())
        near, far = np.maximum(one, other), np.minimum(one, other)
        back = random.random(size.edges) < _BACKWARDS
        if circles:
            near, far = np.where(back, far, near), np.where(back, near, far)
        pairs = np.unique(np.concatenate((pairs, (near * size.nodes + far)[near != far])))
    pairs = random.permutation(pairs)[: size.edges]
    return ObservationColumns(
        source=(pairs // size.nodes).astype(np.int32),
        target=(pairs % size.nodes).astype(np.int32),
        provider=np.zeros(size.edges, np.int16),
        rank=random.integers(0, size.nodes, size.edges, dtype=np.int32),
        evidence=np.full(size.edges, Evidence.DECLARED, np.int8),
        mode=random.integers(Mode.SYNC, Mode.ASYNC + 1, size.edges, dtype=np.int8),
        requirement=random.integers(Requirement.SOFT, Requirement.HARD + 1, size.edges, dtype=np.int8),
        flags=np.full(size.edges, Flag.PRESENT | Flag.CONFIRMED | Flag.ALERTABLE, np.uint8),
        protocol=np.ones(size.edges, np.int32),
        first_seen=np.full(size.edges, 1_767_225_600_000_000, np.int64),
        last_seen=np.full(size.edges, NEVER, np.int64),
    )
