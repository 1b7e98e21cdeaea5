"""The lists, `/services` and `/edges`, page by page in the order of ids, and the single service."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from servicegraph_api import cursors, lookup
from servicegraph_api import parameters as p
from servicegraph_api.fragments import dumps, joined, node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from servicegraph.graph.columns import Node
    from servicegraph.graph.snapshot import Snapshot
    from servicegraph_api.answers import Ask
    from servicegraph_api.query import Query

_key = attrgetter("key")


def services(ask: Ask) -> bytes:
    """A page of services."""
    limit, nodes, wanted = ask.query[p.LIMIT], ask.snapshot.nodes, _wanted(ask.query)
    found = (position for position in _services_from(ask) if wanted(nodes[position]))
    page = list(islice(found, limit + 1))
    cursor = cursors.write(nodes[page[limit - 1]].key) if len(page) > limit else None
    return _page(
        ask, [ask.memory.fragments.node(ask.snapshot, position) for position in page[:limit]], cursor
    )


def service(ask: Ask) -> bytes:
    """One service, with what is said about it."""
    found = ask.snapshot.nodes[lookup.named(ask)]
    return dumps(
        {
            **node(found),
            "availability_target": found.target,
            "labels": dict(found.labels),
            "graph_version": ask.snapshot.mark.version,
        }
    )


def edges(ask: Ask) -> bytes:
    """A page of edges, by source, then target."""
    snapshot, limit = ask.snapshot, ask.query[p.LIMIT]
    wanted = p.edge_filter(ask.query).mask(snapshot)
    namespace = ask.query[p.NAMESPACE]
    if namespace is not None:
        inside = _inside(snapshot, namespace)
        wanted = wanted & (inside[snapshot.edges.source] | inside[snapshot.edges.target])
    begin = _edges_from(snapshot, ask.query[p.CURSOR])
    page = begin + np.flatnonzero(wanted[begin:])[: limit + 1]
    cursor = None
    if len(page) > limit:
        last = page[limit - 1]
        ends = (snapshot.edges.source[last], snapshot.edges.target[last])
        cursor = cursors.write(*(snapshot.nodes[end].key for end in ends))
    return _page(
        ask, [ask.memory.fragments.edge(snapshot, position) for position in page[:limit].tolist()], cursor
    )


def _page(ask: Ask, items: list[bytes], cursor: str | None) -> bytes:
    rest = dumps({"next_cursor": cursor, "graph_version": ask.snapshot.mark.version})
    return b'{"items":' + joined(items) + b"," + rest[1:]


def _services_from(ask: Ask) -> Iterator[int]:
    """The positions of all shown nodes behind the cursor, of the asked namespace if there is one."""
    shown = ask.snapshot.shown(
        include_stale=ask.query[p.INCLUDE_STALE], include_quarantined=ask.query[p.INCLUDE_QUARANTINED]
    )
    cursor = ask.query[p.CURSOR]
    if cursor is not None:
        (last,) = cursors.read(cursor, 1)
        shown = shown[np.searchsorted(shown, bisect_right(ask.snapshot.nodes, last, key=_key)) :]
    namespace = ask.query[p.NAMESPACE]
    if namespace is not None:
        shown = shown[_inside(ask.snapshot, namespace)[shown]]
    yield from shown.tolist()


def _wanted(query: Query) -> Callable[[Node], bool]:
    """Whether a node is of the asked kind, team and name; asked of every node, so what can be done before is done here."""
    kind, team, search = query[p.KIND], query[p.TEAM], query[p.SEARCH]
    part = None if search is None else search.casefold()

    def is_wanted(node: Node) -> bool:
        return (
            (kind is None or node.key.kind == kind)
            and (team is None or node.team == team)
            and (part is None or part in node.key.name.casefold())
        )

    return is_wanted


def _inside(snapshot: Snapshot, namespace: str) -> npt.NDArray[np.bool_]:
    """By node, whether it is in `namespace`: in each cluster these stand side by side."""
    nodes, inside, at = snapshot.nodes, np.zeros(len(snapshot.nodes), np.bool_), 0
    while at < len(nodes):
        cluster = nodes[at].key.cluster
        begin, end = (
            bisect_left(nodes, (cluster, name), at, key=_key) for name in (namespace, f"{namespace}\0")
        )
        inside[begin:end] = True
        at = bisect_left(nodes, (f"{cluster}\0",), end, key=_key)
    return inside


def _edges_from(snapshot: Snapshot, cursor: str | None) -> int:
    """The position of the first edge behind the cursor; its own edge and services may have gone since."""
    if cursor is None:
        return 0
    source, target = cursors.read(cursor, 2)
    at = bisect_left(snapshot.nodes, source, key=_key)
    begin = int(snapshot.outgoing.start[at])
    if snapshot.position(source) is None:
        return begin
    targets = snapshot.edges.target[begin : int(snapshot.outgoing.start[at + 1])]
    return begin + int(np.searchsorted(targets, bisect_right(snapshot.nodes, target, key=_key)))
