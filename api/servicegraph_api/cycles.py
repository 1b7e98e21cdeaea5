"""The circles: `/cycles`, page by page in the order of names, and `/cycles/{name}` with what happened to it.

An item is what the status of a CycleAlert object says, and what people said about it. Lists are cut as the object's
are, and it says so; a single alert has room for more.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from http import HTTPStatus
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from servicegraph.graph.telling import path
from servicegraph.graph.traverse import MAX_NODES
from servicegraph.model.alert import members_digest
from servicegraph.model.cyclealert import MAX_SHOWN
from servicegraph_api import cursors
from servicegraph_api import parameters as p
from servicegraph_api.fragments import dumps, joined
from servicegraph_api.patience import patiently
from servicegraph_api.problems import Problem, cut

if TYPE_CHECKING:
    import numpy.typing as npt

    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.model.alert import Alert, TransitionRecord
    from servicegraph.model.ports import AlertHistory
    from servicegraph_api.answers import Ask
    from servicegraph_api.query import Query

_EDGES_A_PAGE = 5_000
"""A page ends early once it shows more edges, so that no page takes long, however large the circles are."""

_NAMED = 5
_name = attrgetter("name")


def cycles(ask: Ask) -> bytes:
    """A page of alerts."""
    page: list[bytes] = []
    last, edges = None, 0
    for alert in ask.snapshot.alerts[_begin(ask) :]:
        if not _is_wanted(alert, ask.query):
            continue
        if len(page) == ask.query[p.LIMIT] or edges > _EDGES_A_PAGE:
            break
        item, count = _written(ask, alert, MAX_SHOWN)
        page.append(item)
        last, edges = alert.name, edges + count
    else:
        last = None
    cursor = None if last is None else cursors.write_words(p.question(ask.query), last)
    rest = dumps({"next_cursor": cursor, "graph_version": ask.snapshot.mark.version})
    return b'{"items":%s,%s' % (joined(page), rest[1:])


async def cycle(ask: Ask, history: AlertHistory) -> bytes:
    """One alert and its transitions, up to the version that is answered from.

    Raises:
        Problem: 404, when there is no alert of that name.
        StoreUnavailable: Postgres cannot be asked.
    """
    name, version = ask.names["name"], ask.snapshot.mark.version
    at = bisect_left(ask.snapshot.alerts, name, key=_name)
    alert = ask.snapshot.alerts[at] if at < len(ask.snapshot.alerts) else None
    if alert is None or alert.name != name:
        raise Problem(
            HTTPStatus.NOT_FOUND, f"no cycle {cut(name)} is known; /api/v1/cycles lists those that are"
        )
    written, _ = _written(ask, alert, MAX_NODES)  # before waiting: what is remembered belongs to this version
    records = await patiently(history(name), "the circle without its history is in the list")
    told = [_told(one) for one in records if one.transition.version <= version]
    return b"%s,%s" % (written[:-1], dumps({"transitions": told, "graph_version": version})[1:])


def names_in(snapshot: Snapshot, edges: npt.NDArray[np.int32]) -> list[str]:
    """The alerts that some of the edges at these positions belong to, by name."""
    sources = snapshot.edges.source[edges[snapshot.in_circle[edges]]]
    return [snapshot.alerts[at].name for at in np.unique(snapshot.circle[sources]).tolist()]


def _begin(ask: Ask) -> int:
    """Where the page begins among the alerts, which are in the order of their names."""
    cursor = ask.query[p.CURSOR]
    if cursor is None:
        return 0
    (last,) = cursors.read_words(p.question(ask.query), cursor, 1)
    return bisect_right(ask.snapshot.alerts, last, key=_name)


def _is_wanted(alert: Alert, query: Query) -> bool:
    state, severity = query[p.STATE], query[p.SEVERITY]
    return state in {None, alert.state} and severity in {None, alert.severity}


def _written(ask: Ask, alert: Alert, most: int) -> tuple[bytes, int]:
    """The alert as it stands in every answer, lists cut to `most`; and how many edges it shows."""
    members = alert.ids
    positions = _edges(ask.snapshot, alert, most)
    head = {
        "name": alert.name,
        "state": alert.state,
        "reason": alert.reason,
        "severity": alert.severity,
        "member_count": len(members),
        "members": members[:most],
        "truncated": max(len(members), len(positions), len(alert.witness) - 1) > most
        or alert.cut_size > len(alert.cut),
        "witness": [str(key) for key in alert.witness[: most + 1]],
        "path": path(alert.witness),
        "suggested_cuts": [
            {"source": str(one.source), "target": str(one.target), "reason": one.reason} for one in alert.cut
        ],
        "cut": _in_a_line(alert),
        **_acknowledgement(alert),
        "opened_at": alert.opened_at,
        "resolved_at": alert.resolved_at,
        "merged_into": alert.merged_into,
        "split_from": alert.split_from,
    }
    edges = joined(ask.memory.fragments.edge(ask.snapshot, position) for position in positions[:most])
    return b'%s,"edges":%s}' % (dumps(head)[:-1], edges), min(len(positions), most)


def _edges(snapshot: Snapshot, alert: Alert, most: int) -> list[int]:
    """The edges of its circles by source, then target; one more than `most` tells that there are more."""
    found: list[int] = []
    for key in alert.members:
        at = snapshot.position(key)
        if at is not None:
            begin, end = snapshot.outgoing.start[at : at + 2].tolist()
            found += [edge for edge in range(begin, end) if snapshot.in_circle[edge]]
        if len(found) > most:
            break
    return found[: most + 1]


def _in_a_line(alert: Alert) -> str:
    """The first few edges of the cut: `shop/c → shop/a, shop/d → shop/b`."""
    rest = alert.cut_size - _NAMED
    return ", ".join(map(str, alert.cut[:_NAMED])) + (f" and {rest} more" if rest > 0 else "")


def _acknowledgement(alert: Alert) -> dict[str, Any]:
    """What a person said about the circle, and whom it covers."""
    said = alert.acknowledgement
    if said is None:
        return {"acknowledgement": None, "acknowledged": None}
    return {
        "acknowledgement": {"by": said.by, "reason": said.reason, "until": said.until},
        "acknowledged": {
            "generation": said.generation,
            "member_count": len(said.members),
            "members_hash": members_digest(said.members),
        },
    }


def _told(record: TransitionRecord) -> dict[str, Any]:
    """Something that happened to an alert."""
    one = record.transition
    return {
        "graph_version": one.version,
        "at": record.at,
        "kind": one.kind,
        "reason": one.reason,
        "message": one.message,
    }
