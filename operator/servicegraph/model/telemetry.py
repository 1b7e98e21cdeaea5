"""What a source of telemetry has shown: calls by their raw names, or why there are none.

`discovery` makes a `Poll`, `ingest` resolves its names and stores it through the one transaction, `reconcile` says on the
object of the source what became of it. Nothing here is resolved: raw names are kept as they were said, so that they can be
read anew at every poll.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from servicegraph.model.ids import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


_SEPARATOR = "\x1f"
"""Stands in no cleaned name."""


UNNAMED = "unknown_service"
"""What SDKs of OpenTelemetry call a process that nobody named; after a colon, they add what runs it: `unknown_service:java`."""

NEVER_A_SERVICE = frozenset(
    {"unknown", "outgoing", "localhost", "PassthroughCluster", "BlackHoleCluster", UNNAMED}
)
"""Names by which series say that they do not know, or that it went anywhere. Addresses, and `user` where it is no service, are
told by `ingest.resolve`."""

NO_CALLER = "user"
"""Stands for whoever called, where that end is virtual; many a system has a service of that name all the same."""


class Connection(StrEnum):
    """How the two ends of a call are joined: the label `connection_type` of service-graph series."""

    DIRECT = ""
    MESSAGING = "messaging_system"
    DATABASE = "database"
    VIRTUAL = "virtual_node"


class VirtualEnd(StrEnum):
    """The end that sent no span of its own: the label `virtual_node`, or told by the labels that this end lacks."""

    NONE = ""
    CLIENT = "client"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class RawCall:
    """That `client` calls `server`, by cleaned and bounded label values; all series that say the same are one call."""

    client: str
    server: str
    client_namespace: str = ""
    """Empty where the series carries none."""
    server_namespace: str = ""
    connection: Connection = Connection.DIRECT
    virtual: VirtualEnd = VirtualEnd.NONE

    @property
    def raw_key(self) -> str:
        """Identifies the call within its provider; made of the raw names alone."""
        return _SEPARATOR.join(
            (
                self.client_namespace,
                self.client,
                self.server_namespace,
                self.server,
                self.connection,
                self.virtual,
            )
        )

    @classmethod
    def of_key(cls, raw_key: str) -> RawCall:
        """The call that has this key: what is kept of a call that is seen no more.

        Raises:
            ValueError: it is no such key.
        """
        client_namespace, client, server_namespace, server, connection, virtual = raw_key.split(_SEPARATOR)
        return cls(
            client, server, client_namespace, server_namespace, Connection(connection), VirtualEnd(virtual)
        )


_NAMES = ("clientNamespace", "client", "serverNamespace", "server", "connectionType", "virtualNode")
"""Of the parts of a raw key, in their order."""


def spelled_out(raw_key: str) -> dict[str, str]:
    """What series have said of the call of this key, by name; what they have left out is left out."""
    return {name: said for name, said in zip(_NAMES, raw_key.split(_SEPARATOR), strict=False) if said}


@dataclass(frozen=True, slots=True)
class Source:
    """A source of telemetry the way polls and the graph know it, whether an object or a setting describes it."""

    name: str
    """The provider's name."""
    url: str
    """Sources that ask one URL are one group of evidence."""
    preset: str
    query: str
    """The PromQL for presence, for explain."""
    interval: float
    """Seconds between two polls."""
    default_namespace: str = ""
    cluster: str = ""
    quarantine: frozenset[str] = NEVER_A_SERVICE
    """Names that are stored and never walked, built-in ones included."""
    accept_drop_until: datetime | None = None
    sees: frozenset[Kind] = frozenset({Kind.SERVICE, Kind.DATASTORE, Kind.EXTERNAL})
    """Kinds of targets whose calls it can show at all; service-graph series never show a queue."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a poll brought nothing that could be relied on."""

    reason: str
    """CamelCase, for a condition: Unreachable, TimedOut, Refused, …"""
    message: str
    """In words, with what to do; never what a series said."""


@dataclass(frozen=True, slots=True)
class Poll:
    """One look at a source."""

    source: Source
    at: datetime
    calls: Mapping[RawCall, int | None] = field(default_factory=dict)
    """Each with the power of ten of its calls within the window, None where that is not known."""
    failure: Failure | None = None
    """What keeps this poll from ageing anything; partial answers bring calls *and* a failure."""
    series: int = 0
    """How many series the source has shown."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """How many of them say no call that could be kept, by why: `invisible characters`, `name too long`, …"""
    warnings: tuple[str, ...] = ()
    """What the backend remarks, and why there is no volume where there is none: cleaned, bounded, at most 10."""
    duration: float = 0.0
    """Seconds that it took."""


@dataclass(frozen=True, slots=True)
class PollOutcome:
    """What became of a poll once it was resolved and stored."""

    edges: int = 0
    """Observations that are present, quarantined ones apart."""
    quarantined: int = 0
    without_namespace: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    """How many calls are not in the graph, by why: `self-call`, `too many new services`, …"""
    limited: str = ""
    """In words, where more services were new at once than one poll may bring: the rest comes with the next polls."""
    unresolved: tuple[str, ...] = ()
    """At most 10 examples of cleaned names."""
    quarantined_names: tuple[str, ...] = ()
    failure: Failure | None = None
    """What is wrong with the source: of the poll itself, or a sudden drop."""
    healthy_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """How a source has fared so far, as it is stored: what a poll has to be judged by."""

    healthy_seconds: float = 0.0
    """For how long it has been known to see; the clock by which its edges age."""
    last_attempt_at: datetime | None = None
    last_good_at: datetime | None = None
    last_edges: int | None = None
    """Calls that its last good poll showed, quarantined ones apart."""
    drop_since: datetime | None = None
    """Since when it shows suddenly much less; None while it does not."""
    drop_seconds: float = 0.0
    """For how long it has done so, outages apart."""
    failure: Failure | None = None
    """What is wrong with it; None is healthy."""
