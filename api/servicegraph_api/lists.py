"""The lists, `/services` and `/edges`, page by page in the order of ids, and the single service."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from servicegraph.graph.catalogue import catalogue
from servicegraph_api import cursors, lookup
from servicegraph_api import parameters as p
from servicegraph_api.fragments import dumps, joined, node

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from servicegraph_api.answers import Ask

_key = attrgetter("key")


def services(ask: Ask) -> bytes:
    """A page of services."""
    snapshot, limit = ask.snapshot, ask.query[p.LIMIT]
    page = list(islice(_services_from(ask), limit + 1))
    cursor = None
    if len(page) > limit:
        cursor = cursors.write(p.question(ask.query), snapshot.nodes[page[limit - 1]].key)
    return _page(ask, [ask.memory.fragments.node(snapshot, position) for position in page[:limit]], cursor)


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
        inside = catalogue(snapshot).in_namespace(namespace)
        wanted = wanted & (inside[snapshot.edges.source] | inside[snapshot.edges.target])
    begin = _first_edge(ask)
    page = begin + np.flatnonzero(wanted[begin:])[: limit + 1]
    cursor = None
    if len(page) > limit:
        last = page[limit - 1]
        ends = (snapshot.edges.source[last], snapshot.edges.target[last])
        cursor = cursors.write(p.question(ask.query), *(snapshot.nodes[end].key for end in ends))
    return _page(
        ask, [ask.memory.fragments.edge(snapshot, position) for position in page[:limit].tolist()], cursor
    )


def _page(ask: Ask, items: list[bytes], cursor: str | None) -> bytes:
    rest = dumps({"next_cursor": cursor, "graph_version": ask.snapshot.mark.version})
    return b'{"items":' + joined(items) + b"," + rest[1:]


def _services_from(ask: Ask) -> Iterator[int]:
    """The positions of all services that are asked for, from behind the cursor on."""
    snapshot, query, begin = ask.snapshot, ask.query, 0
    cursor, search = query[p.CURSOR], query[p.SEARCH]
    if cursor is not None:
        (last,) = cursors.read(p.question(query), cursor, 1)
        begin = bisect_right(snapshot.nodes, last, key=_key)
    wanted = _wanted(ask)
    if search is None:
        yield from (begin + np.flatnonzero(wanted[begin:])).tolist()
    else:
        yield from (at for at in catalogue(snapshot).named(search, begin) if wanted[at])


def _wanted(ask: Ask) -> npt.NDArray[np.bool_]:
    """By node, whether it is shown, and of the asked namespace, kind and team."""
    snapshot, query, known = ask.snapshot, ask.query, catalogue(ask.snapshot)
    wanted = np.zeros(len(snapshot.nodes), np.bool_)
    doubtful = {
        "include_stale": query[p.INCLUDE_STALE],
        "include_quarantined": query[p.INCLUDE_QUARANTINED],
    }
    wanted[snapshot.shown(**doubtful)] = True
    namespace, kind, team = query[p.NAMESPACE], query[p.KIND], query[p.TEAM]
    if namespace is not None:
        wanted &= known.in_namespace(namespace)
    if kind is not None:
        wanted &= known.of_kinds([kind])
    if team is not None:
        wanted &= known.of_team(team)
    return wanted


def _first_edge(ask: Ask) -> int:
    """The position of the first edge behind the cursor; the cursor's own edge and services may have gone since."""
    snapshot, cursor = ask.snapshot, ask.query[p.CURSOR]
    if cursor is None:
        return 0
    source, target = cursors.read(p.question(ask.query), cursor, 2)
    at = bisect_left(snapshot.nodes, source, key=_key)
    begin = int(snapshot.outgoing.start[at])
    if snapshot.position(source) is None:
        return begin
    targets = snapshot.edges.target[begin : int(snapshot.outgoing.start[at + 1])]
    return begin + int(np.searchsorted(targets, bisect_right(snapshot.nodes, target, key=_key)))
