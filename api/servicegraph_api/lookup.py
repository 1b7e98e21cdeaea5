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
    from servicegraph_api.answers import Ask


def named(ask: Ask) -> int:
    """The position of the service that the path names, read with `kind=` and `cluster=`.

    Raises:
        Problem: 404, with the candidates or the near misses.
    """
    namespace = "" if ask.names["namespace"] == NO_NAMESPACE else ask.names["namespace"]
    name, kind, cluster = ask.names["name"], ask.query[p.KIND], ask.query[p.CLUSTER]
    try:
        try:
            return ask.snapshot.find(namespace, name, kind, cluster)
        except UnknownService as unknown:
            if unknown.candidates and kind is None:
                raise
            return ask.snapshot.find(
                namespace, name, kind, cluster, include_stale=True, include_quarantined=True
            )
    except UnknownService as unknown:
        raise _unknown(ask, ServiceKey(cluster, namespace, name, kind or Kind.SERVICE), unknown) from None


def _unknown(ask: Ask, wanted: ServiceKey, unknown: UnknownService) -> Problem:
    if unknown.candidates:
        return Problem(
            HTTPStatus.NOT_FOUND, unknown.message, members={"candidates": list(unknown.candidates)}
        )
    detail = f"no service {cut(str(wanted))} is known"
    near_misses = known_services(ask.snapshot).near(wanted)
    if near_misses:
        detail += f"; did you mean {' or '.join(near_misses)}?"
    return Problem(
        HTTPStatus.NOT_FOUND, detail + _hint(wanted.name), members={"near_misses": list(near_misses)}
    )


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
