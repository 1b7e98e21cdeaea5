"""From a call by raw names to the services that it joins: rules without memory, so that no order of polls matters.

What is declared decides where a name alone does not: who else was discovered never does, or the first poll would decide about
all later ones. The rules are applied anew at every poll, also to calls that are seen no more. Pure; `ingest.polls` calls this
and stores what comes of it.

Where an end belongs, in this order: its label; its host name in the cluster; the source's default; where the other end is; the
only place in which such a name is declared; nowhere. What sends no spans and is not declared there is External where a
neighbour of the caller is declared to call the External of that name, or where its name is a host or an address outside.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from sys import intern
from typing import TYPE_CHECKING, NamedTuple

from servicegraph.ingest.names import cluster_host, is_address, shorter, without_port
from servicegraph.model.ids import NO_NAMESPACE, Kind, ServiceKey
from servicegraph.model.telemetry import Connection, VirtualEnd
from servicegraph.model.vocabulary import Evidence, Mode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from servicegraph.ingest.declared import Declared
    from servicegraph.model.telemetry import RawCall, Source

NO_CALLER = "user"
"""Stands for whoever called, where that end is virtual; many a system has a service of that name all the same."""

SELF_CALL = "self-call"
UNREADABLE = "unreadable name"

BY_LABEL = "namespace by its label"
BY_HOST = "namespace by its host name in the cluster"
BY_DEFAULT = "the source's default namespace"
BESIDE = "namespace of the other end"
BY_NAME = "the only place where this name is declared"
NOWHERE = "no namespace is known"
OUTSIDE = "a host outside of the cluster"
AS_EXTERNAL = "an External that is declared to be called from here"
WITHOUT_PORT = "without its port"
WITHOUT_END = "without the random end of a pod's name"
AS_DECLARED = "kind as declared"
IN_QUARANTINE = "in quarantine: the name names no service"


class Sighting(NamedTuple):
    """A call with its ends resolved."""

    call: RawCall
    source: ServiceKey
    target: ServiceKey
    evidence: Evidence
    mode: Mode
    quarantined: bool
    rules: tuple[str, ...]
    """What led from the raw names to the ends, in words, for explain."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """All calls of a poll, resolved."""

    sightings: dict[str, Sighting] = field(default_factory=dict)
    """By raw key."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Calls that are in no graph, by why."""
    nobodies: set[str] = field(default_factory=set)
    """Names that have put a call into quarantine."""

    @property
    def trusted(self) -> int:
        """How many calls are not in quarantine."""
        return sum(not one.quarantined for one in self.sightings.values())


def resolve(source: Source, declared: Declared, calls: Iterable[RawCall]) -> Resolved:
    """Resolve all calls that a source has shown."""
    resolver, resolved = Resolver(source, declared), Resolved()
    for call in calls:
        found = resolver.sighting(call)
        if isinstance(found, Sighting):
            resolved.sightings[call.raw_key] = found
            if found.quarantined:
                resolved.nobodies.update(resolver.nobodies(call))
        else:
            resolved.dropped[found] += 1
    return resolved


class _End(NamedTuple):
    """How a name was said, and what else about it decides."""

    role: VirtualEnd
    name: str
    label: str
    datastore: bool
    silent: bool
    """Whether it has sent no span of its own, so that its name is what others call it."""
    beside: str | None
    """Where the other end is, by what itself says."""


class Resolver:
    """Applies the rules for one source and what is declared now; names that come often are resolved once."""

    def __init__(self, source: Source, declared: Declared) -> None:
        self._cluster = intern(source.cluster)
        self._default = source.default_namespace or None
        self._quarantine = source.quarantine
        self._declared = declared
        self._known: dict[_End, tuple[ServiceKey, tuple[str, ...]]] = {}

    def sighting(self, call: RawCall) -> Sighting | str:
        """The call with its ends resolved, or why it has no place in the graph."""
        for text in (call.client, call.server, call.client_namespace, call.server_namespace):
            if not _is_readable(text):
                return UNREADABLE
        if not call.client or not call.server:
            return UNREADABLE
        client_label, server_label = _label(call.client_namespace), _label(call.server_namespace)
        database = call.connection is Connection.DATABASE
        mute_client = call.virtual is VirtualEnd.CLIENT
        mute_server = database or call.virtual is VirtualEnd.SERVER
        client_at = self._own_place(call.client, client_label)
        server_at = self._own_place(call.server, server_label)
        source, why_source = self._end(
            _End(
                VirtualEnd.CLIENT,
                call.client,
                client_label,
                datastore=False,
                silent=mute_client,
                beside=server_at,
            )
        )
        target, why_target = self._end(
            _End(
                VirtualEnd.SERVER,
                call.server,
                server_label,
                datastore=database,
                silent=mute_server,
                beside=client_at,
            )
        )
        if source == target:
            return SELF_CALL
        both_ends = call.virtual is VirtualEnd.NONE and call.connection in {
            Connection.DIRECT,
            Connection.MESSAGING,
        }
        quarantined = bool(self.nobodies(call))
        return Sighting(
            call,
            source,
            target,
            Evidence.BOTH_ENDS if both_ends else Evidence.ONE_END,
            Mode.ASYNC if call.connection is Connection.MESSAGING else Mode.SYNC,
            quarantined,
            (*why_source, *why_target, IN_QUARANTINE) if quarantined else (*why_source, *why_target),
        )

    def _own_place(self, name: str, label: str) -> str | None:
        """Where an end is, by what itself says."""
        if label:
            return label
        host = cluster_host(name)
        return host.namespace if host else self._default

    def nobodies(self, call: RawCall) -> tuple[str, ...]:
        """Those of the two names that name no service."""
        ends = (
            (call.client, call.virtual is VirtualEnd.CLIENT),
            (call.server, call.virtual is VirtualEnd.SERVER),
        )
        return tuple(name for name, virtual in ends if self._is_nobody(name, virtual=virtual))

    def _is_nobody(self, name: str, *, virtual: bool) -> bool:
        if virtual and name == NO_CALLER:
            return True
        return not self._quarantine.isdisjoint((name, without_port(name))) or is_address(name)

    def _end(self, end: _End) -> tuple[ServiceKey, tuple[str, ...]]:
        known = self._known.get(end)
        if known is None:
            place, name, kind, rules = self._looked_up(end)
            key = ServiceKey(self._cluster, intern(place), intern(name), kind)
            known = self._known[end] = key, tuple(f"{end.role}: {rule}" for rule in rules)
        return known

    def _looked_up(self, end: _End) -> tuple[str, str, str, list[str]]:
        """Place, name and kind of an end, and the rules that led there."""
        name, rules = end.name, list[str]()
        wanted = Kind.DATASTORE.value if end.datastore else None
        place: str | None = end.label or None
        if place is not None:
            rules.append(BY_LABEL)
        elif host := cluster_host(name):
            name, place = host
            rules.append(BY_HOST)
        else:
            if end.silent and without_port(name) != name:
                name = without_port(name)
                rules.append(WITHOUT_PORT)
            place = self._default or end.beside
            if end.silent and (why := self._why_outside(end, place, name)):
                return "", name, Kind.EXTERNAL.value, [*rules, why]
            if place is not None:
                rules.append(BY_DEFAULT if self._default else BESIDE)
        short = self._without_random_end(place, name)
        if short != name:
            name = short
            rules.append(WITHOUT_END)
        if place is None:
            places = self._declared.places(name, wanted)
            place = places[0] if len(places) == 1 else ""
            rules.append(BY_NAME if len(places) == 1 else NOWHERE)
        kind = wanted or self._kind(place, name)
        if kind not in {wanted, Kind.SERVICE.value}:
            rules.append(AS_DECLARED)
        return place, name, kind, rules

    def _why_outside(self, end: _End, place: str | None, name: str) -> str | None:
        """The rule that makes an External of what sends no spans; None where none does."""
        if self._is_declared(place, name):
            return None
        # An External is in no place; that a neighbour calls it makes it known here, and no hub of all places.
        if self._declared.is_called_outside(end.beside or "", name):
            return AS_EXTERNAL
        return OUTSIDE if _is_outside(name) else None

    def _without_random_end(self, place: str | None, name: str) -> str:
        found = shorter(name)
        if found is None or self._is_declared(place, name):
            return name
        return found.name if found.certain or self._is_declared(place, found.name) else name

    def _is_declared(self, place: str | None, name: str) -> bool:
        """Whether somebody declares that name there; without a place, in one place only."""
        if place is None:
            return len(self._declared.places(name)) == 1
        return bool(self._declared.kinds(place, name))

    def _kind(self, place: str, name: str) -> str:
        """Service, unless the name is declared there as one other kind only."""
        kinds = self._declared.kinds(place, name)
        return next(iter(kinds)) if len(kinds) == 1 else Kind.SERVICE.value


def is_unplaced(key: ServiceKey) -> bool:
    """Whether it is not known where the service belongs; an External belongs nowhere."""
    return not key.namespace and key.kind != Kind.EXTERNAL


def _label(text: str) -> str:
    """The namespace that a label names; what stands for none in a printed id is none."""
    return "" if text == NO_NAMESPACE else text


def _is_outside(name: str) -> bool:
    return "." in name or is_address(name)


def _is_readable(text: str) -> bool:
    """Whether it can be stored: Postgres takes no NUL, UTF-8 no half of a pair; controls separate the parts of a key."""
    return text.isprintable() or not any(letter < " " or "\ud800" <= letter <= "\udfff" for letter in text)
