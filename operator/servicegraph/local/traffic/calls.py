"""What the service-graph connector of the OpenTelemetry Collector makes of the calls of a topology.

Pure. As read off a running connector (v0.158): plain calls carry the dimensions of both ends; a database is named by its
`db.name` and has no dimensions; a cache or a system outside is a virtual node, named by its `peer.service` where callers set
it, else by `db.system` or its address; a broker never appears: a producer is joined with the first consumer, further
consumers give nothing; who calls from outside is `user`, without dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from servicegraph.local.traffic.topology import INSTRUMENTED, Part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servicegraph.local.traffic.topology import Link, Member, Topology

_DIMENSIONS = ("k8s_namespace_name", "service_namespace")
_ENTRANCES = frozenset({Part.GATEWAY, Part.SERVICE})


@dataclass(frozen=True, slots=True)
class Call:
    """One client calling one server, by the labels of its series that do not depend on how the call ends."""

    client: str
    server: str
    labels: tuple[tuple[str, str], ...]
    """All labels but `failed`, client and server included, in the order of their names."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How spans are sent.

    Attributes:
        namespace: of members that name none.
        service_namespace: the other dimension; empty leaves it out.
        dimensions: whether the connector is told to keep the namespaces at all.
        peer_service: whether callers name caches and systems outside by `peer.service`.
        entrances: whether members that nobody calls are called from outside.
    """

    namespace: str = ""
    service_namespace: str = ""
    dimensions: bool = True
    peer_service: bool = True
    entrances: bool = False


def calls(topology: Topology, manner: Manner) -> list[Call]:
    """The calls that the connector shows, in the order of the file."""
    return list(dict.fromkeys(_calls(topology, manner)))


def _calls(topology: Topology, manner: Manner) -> Iterator[Call]:
    first_consumer = {
        link.target.name: link.source for link in reversed(topology.links) if link.consumes
    }  # the last one written wins, which is the first in the file
    for link in topology.links:
        if link.target.part is Part.QUEUE:
            consumer = first_consumer.get(link.target.name)
            if consumer is not None and not link.consumes:
                yield _call(manner, link.source, consumer, "messaging_system")
        elif link.target.part is Part.DATABASE:
            yield _half(manner, link.source, link.target.name, "database")
        elif link.target.part in INSTRUMENTED:
            yield _call(manner, link.source, link.target)
        else:
            yield _half(manner, link.source, _virtual_name(link, manner), "virtual_node", "server")
    called = {link.target.name for link in topology.links}
    for member in topology.members.values() if manner.entrances else ():
        if member.part in _ENTRANCES and member.name not in called:
            ends = _end("server", member, manner)
            yield _series("user", member.name, ends, "virtual_node", "client")


def _virtual_name(link: Link, manner: Manner) -> str:
    if manner.peer_service or link.target.part is not Part.CACHE:
        return link.target.name  # without peer.service: its address, which is its name too
    return link.protocol or link.target.technology or "other_sql"


def _call(manner: Manner, client: Member, server: Member, connection: str = "") -> Call:
    """A call both ends of which send spans."""
    ends = _end("client", client, manner) | _end("server", server, manner)
    return _series(client.name, server.name, ends, connection)


def _half(manner: Manner, client: Member, server: str, connection: str, virtual: str = "") -> Call:
    """A call of which only the caller tells."""
    return _series(client.name, server, _end("client", client, manner), connection, virtual)


def _end(end: str, member: Member, manner: Manner) -> dict[str, str]:
    values = (member.namespace or manner.namespace, manner.service_namespace)
    names = (f"{end}_{dimension}" for dimension in _DIMENSIONS)
    return {name: value for name, value in zip(names, values, strict=True) if value and manner.dimensions}


def _series(client: str, server: str, ends: dict[str, str], connection: str, virtual: str = "") -> Call:
    said = {"client": client, "server": server, "connection_type": connection, "virtual_node": virtual}
    scope = {"otel_scope_name": "traces_service_graph", "otel_scope_schema_url": "", "otel_scope_version": ""}
    return Call(client, server, tuple(sorted((said | scope | ends).items())))
