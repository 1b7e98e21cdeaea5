"""Nodes and edges as JSON, written once for a version of the graph and put together into answers.

An answer is mostly nodes and edges, and neighbouring questions share most of theirs; joining finished pieces is several times
faster than writing each answer anew. The shapes here are the contract: one for nodes, one for edges, in every answer.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import orjson

from servicegraph.graph.columns import NEVER
from servicegraph.model.packed import written
from servicegraph.model.vocabulary import Flag, Mode, Requirement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from servicegraph.graph.columns import Node
    from servicegraph.graph.snapshot import Snapshot

_MOST = 20_000
"""Nodes, and edges, that are remembered: some 10 MiB. When there are more, remembering begins anew."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Fragments:
    """The JSON of single nodes and edges of one version of the graph."""

    def __init__(self) -> None:
        self._nodes: dict[int, bytes] = {}
        self._edges: dict[int, bytes] = {}

    def node(self, snapshot: Snapshot, position: int) -> bytes:
        """The node at `position`."""
        found = self._nodes.get(position)
        if found is None:
            found = _remember(self._nodes, position, node(snapshot.nodes[position]))
        return found

    def edge(self, snapshot: Snapshot, position: int) -> bytes:
        """The edge at `position`."""
        found = self._edges.get(position)
        if found is None:
            found = _remember(self._edges, position, edge(snapshot, position))
        return found

    def nodes(self, snapshot: Snapshot, positions: Sequence[int]) -> list[bytes]:
        """The nodes at `positions`."""
        found = list(map(self._nodes.get, positions))
        return _whole(found) or [self.node(snapshot, position) for position in positions]

    def edges(self, snapshot: Snapshot, positions: Sequence[int]) -> list[bytes]:
        """The edges at `positions`."""
        found = list(map(self._edges.get, positions))
        return _whole(found) or [self.edge(snapshot, position) for position in positions]


def dumps(value: Any) -> bytes:
    """`value` as JSON, times in UTC with a Z."""
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)


def joined(fragments: Iterable[bytes]) -> bytes:
    """A JSON array of finished pieces."""
    return b"[" + b",".join(fragments) + b"]"


def node(of: Node) -> dict[str, Any]:
    """A service as it stands in every answer."""
    return {
        "id": str(of.key),
        "cluster": of.key.cluster,
        "namespace": of.key.namespace,
        "name": of.key.name,
        "kind": of.key.kind,
        "technology": of.technology,
        "team": of.team,
        "criticality": of.criticality,
        "discovered": not of.stated,
    }


def edge(snapshot: Snapshot, position: int) -> dict[str, Any]:
    """An edge as it stands in every answer."""
    edges = snapshot.edges
    return {
        "source": str(snapshot.nodes[edges.source[position]].key),
        "target": str(snapshot.nodes[edges.target[position]].key),
        "protocol": protocol(snapshot, position),
        "mode": Mode(int(edges.mode[position])).word,
        "requirement": Requirement(int(edges.requirement[position])).word,
        "confidence": round(float(edges.confidence[position]), 4),
        "providers": _providers(snapshot, position),
        "stale": bool(edges.flags[position] & Flag.STALE),
        "in_cycle": bool(snapshot.in_circle[position]),
    }


def protocol(snapshot: Snapshot, position: int) -> str | None:
    """What the edge at `position` speaks; None where nobody says it."""
    return snapshot.protocols[snapshot.edges.protocol[position]] or None


def _providers(snapshot: Snapshot, position: int) -> list[dict[str, Any]]:
    """Who says that the edge exists, the best evidence first; what one provider says several times is taken together."""
    columns = snapshot.edges.observations
    rows = snapshot.edges.evidence(position)
    found: dict[str, list[tuple[int, int]]] = {}
    for who, first, last in zip(
        columns.provider[rows].tolist(),
        columns.first_seen[rows].tolist(),
        columns.last_seen[rows].tolist(),
        strict=True,
    ):
        found.setdefault(snapshot.providers[who].name, []).append((first, last))
    return [
        {
            "name": name,
            "first_seen": _time(min(first for first, _ in spans)),
            "present": (present := any(last == NEVER for _, last in spans)),
            "last_seen": None if present else _time(max(last for _, last in spans)),
        }
        for name, spans in found.items()
    ]


def _time(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def _whole(found: list[bytes | None]) -> list[bytes] | None:
    """The pieces, if none is missing; most answers are made of pieces that are all known."""
    return cast("list[bytes]", found) if all(found) else None


def _remember(known: dict[int, bytes], position: int, value: dict[str, Any]) -> bytes:
    if len(known) >= _MOST:
        known.clear()
    known[position] = text = written(value)
    return text
