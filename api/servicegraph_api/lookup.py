"""The service that a path names, or a 404 that helps: which services of that name there are, which names are near.

A service that is named is found as long as anything stored names it, also one that lists leave out because only stale or
quarantined evidence is left.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from servicegraph.checks.near import known_services
from servicegraph.errors import UnknownService
from servicegraph.model.ids import NO_NAMESPACE, Kind, ServiceKey, escape
from servicegraph_api import parameters as p
from servicegraph_api.problems import Problem, cut

if TYPE_CHECKING:
    from servicegraph.graph.snapshot import Snapshot
    from servicegraph_api.answers import Ask


def named(ask: Ask) -> int:
    """The position of the service that the path names, read with `kind=` and `cluster=`.

    Raises:
        Problem: 404, with the candidates or the near misses.
    """
    namespace = "" if ask.names["namespace"] == NO_NAMESPACE else ask.names["namespace"]
    wanted = ServiceKey(ask.query[p.CLUSTER], namespace, ask.names["name"], ask.query[p.KIND] or "")
    try:
        return found(ask.snapshot, wanted)
    except UnknownService as unknown:
        raise not_found(ask.snapshot, wanted, unknown, _hint(wanted.name)) from None


def found(snapshot: Snapshot, wanted: ServiceKey) -> int:
    """The position of a service; without a kind the Service of that name, else the only one.

    Raises:
        UnknownService: with the candidates, if there are several and none is a Service.
    """
    cluster, namespace, name, kind = wanted
    try:
        return snapshot.find(namespace, name, kind or None, cluster)
    except UnknownService as unknown:
        if unknown.candidates and not kind:
            raise
        return snapshot.find(
            namespace, name, kind or None, cluster, include_stale=True, include_quarantined=True
        )


def not_found(snapshot: Snapshot, wanted: ServiceKey, unknown: UnknownService, hint: str = "") -> Problem:
    """The 404 for a service that is not there: it names who may be meant."""
    if unknown.candidates:
        return Problem(
            HTTPStatus.NOT_FOUND, unknown.message, members={"candidates": list(unknown.candidates)}
        )
    as_service = wanted if wanted.kind else wanted._replace(kind=Kind.SERVICE)
    detail = f"no service {cut(str(as_service))} is known"
    near_misses = known_services(snapshot).near(as_service)
    if near_misses:
        detail += f"; did you mean {' or '.join(near_misses)}?"
    return Problem(HTTPStatus.NOT_FOUND, detail + hint, members={"near_misses": list(near_misses)})


def _hint(name: str) -> str:
    """What to write instead of the end of a printed id, which says kind and cluster differently than a path."""
    before, _, cluster = name.partition("@")
    bare, _, kind = before.partition(":")
    asked = [f"kind={one}" for one in Kind if one.lower() == kind.lower()]
    asked += [f"cluster={escape(cluster)}"] if cluster else []
    if not asked:
        return ""
    instead = f"{escape(bare)}?{'&'.join(asked)}"
    return f"; in a path write {cut(instead)}"
