"""What a service depends on and who depends on it: the subgraph, as JSON or as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicegraph import metrics
from servicegraph.graph import pictures
from servicegraph.graph.traverse import MAX_DEPTH, MAX_EDGES, MAX_NODES, Subgraph, subgraph
from servicegraph.model.vocabulary import Flag, Mode
from servicegraph_api import lookup
from servicegraph_api import parameters as p
from servicegraph_api.cycles import names_in
from servicegraph_api.fragments import dumps, protocol
from servicegraph_api.negotiation import DOT, JSON

if TYPE_CHECKING:
    from servicegraph_api.answers import Ask

_TRUNCATED = f"more than {MAX_NODES:,} services or {MAX_EDGES:,} edges: the farthest are left out; ask for fewer hops or filter"

_DISTANCE = [b',"distance":%d}' % hops for hops in range(MAX_DEPTH + 1)]
"""The end of a node that is so many hops away."""


def dependencies(ask: Ask) -> bytes:
    """The subgraph around the service that the path names."""
    root = lookup.named(ask)
    depth = ask.query[p.DEPTH]
    with metrics.traversal_seconds.labels(metrics.depth_label(depth)).time():
        found = subgraph(ask.snapshot, root, ask.query[p.DIRECTION], depth, p.edge_filter(ask.query))
    if ask.form is JSON:
        return _document(ask, found)
    draw = pictures.dot if ask.form is DOT else pictures.mermaid
    return draw(_picture(ask, found)).encode()


def _document(ask: Ask, found: Subgraph) -> bytes:
    snapshot = ask.snapshot
    head = {
        "root": str(snapshot.nodes[found.root].key),
        "direction": found.direction,
        "depth": found.depth,
        "graph_version": snapshot.mark.version,
        "as_of": snapshot.mark.as_of,
        "truncated": found.truncated,
    }
    fragments = ask.memory.fragments
    nodes = fragments.nodes(snapshot, found.nodes.tolist())
    distances = found.distance.tolist()
    tail = {"cycles": names_in(snapshot, found.edges), "warnings": _warnings(ask, found)}
    # One join: an answer is long, and each further copy of it takes as long as the walk.
    return b"".join(
        (
            dumps(head)[:-1],
            b',"nodes":[',
            b",".join([node[:-1] + _DISTANCE[hops] for node, hops in zip(nodes, distances, strict=True)]),
            b'],"edges":[',
            b",".join(fragments.edges(snapshot, found.edges.tolist())),
            b"],",
            dumps(tail)[1:],
        )
    )


def _warnings(ask: Ask, found: Subgraph) -> list[str]:
    """What a reader must know to read the answer right."""
    warnings = []
    if found.truncated:
        warnings.append(_TRUNCATED)
    if not ask.snapshot.is_shown(
        found.root,
        include_stale=ask.query[p.INCLUDE_STALE],
        include_quarantined=ask.query[p.INCLUDE_QUARANTINED],
    ):
        warnings.append(
            "only stale or quarantined evidence of this service is left; include_stale=true or include_quarantined=true show it"
        )
    return warnings


def _picture(ask: Ask, found: Subgraph) -> pictures.Picture:
    snapshot, edges = ask.snapshot, ask.snapshot.edges
    place = {position: number for number, position in enumerate(found.nodes.tolist())}
    return pictures.Picture(
        nodes=tuple(
            pictures.Box(str(snapshot.nodes[position].key), snapshot.nodes[position].key.kind)
            for position in place
        ),
        edges=tuple(
            pictures.Arrow(
                source=place[int(edges.source[position])],
                target=place[int(edges.target[position])],
                label=protocol(snapshot, position) or "",
                dashed=bool(edges.mode[position] == Mode.ASYNC),
                dotted=bool(edges.flags[position] & Flag.STALE),
                red=bool(snapshot.in_circle[position]),
            )
            for position in found.edges.tolist()
        ),
        notes=tuple(_warnings(ask, found)),
    )
