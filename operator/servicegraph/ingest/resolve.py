"""From a call by raw names to the services that it joins: rules without memory, so that no order of polls matters.

What is declared decides where a name alone does not: who else was discovered never does, or the first poll would decide about
all later ones. The rules are applied anew at every poll, also to calls that are seen no more. Pure; `ingest.polls` calls this
and stores what comes of it.

Where an end belongs, in this order: its label; its host name in the cluster; the source's default; where the other end is; the
only place in which such a name is declared; nowhere. What is called, sends no spans and is not declared there is External
where a neighbour of the caller is declared to call the External of that name, or where its name is a host or an address
outside, which a database's never is. An External is in no place: it says nothing about where others are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from sys import intern
from typing import TYPE_CHECKING, NamedTuple

from servicegraph.ingest.names import Host, cluster_host, is_address, short_host, shorter, without_port
from servicegraph.ingest.sighting import Resolved, Sighting
from servicegraph.model.ids import NO_NAMESPACE, Kind, ServiceKey
from servicegraph.model.telemetry import NO_CALLER, UNNAMED, Connection, VirtualEnd
from servicegraph.model.vocabulary import Evidence, Mode
from servicegraph.store.sightings import RULES_APART

if TYPE_CHECKING:
    from collections.abc import Iterable

    from servicegraph.ingest.declared import Declared
    from servicegraph.model.telemetry import RawCall, Source

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


# Members of enumerations are slow to look up a hundred thousand times.
_DATABASE, _MESSAGING, _VIRTUAL = Connection.DATABASE, Connection.MESSAGING, Connection.VIRTUAL
_CLIENT, _SERVER = VirtualEnd.CLIENT, VirtualEnd.SERVER
_BOTH_ENDS, _ONE_END = Evidence.BOTH_ENDS, Evidence.ONE_END
_SYNC, _ASYNC = Mode.SYNC, Mode.ASYNC


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


class _Role(NamedTuple):
    """Which end of a call, and how it was met there."""

    word: str
    silent: bool = False
    """It has sent no span of its own, so that its name is what others call it."""
    datastore: bool = False
    """It is called as a database."""


_CALLER, _SILENT_CALLER = _Role("client"), _Role("client", silent=True)
_CALLED, _SILENT_CALLED = _Role("server"), _Role("server", silent=True)
_DATASTORE = _Role("server", silent=True, datastore=True)


@dataclass(eq=False, slots=True)
class _Word:
    """A name as one end of a call says it."""

    name: str
    label: str
    place: str | None
    """Where it is, by what itself says or by the source's default."""
    is_placed: bool
    """Whether itself says where it is: then nothing depends on the other end."""
    is_name: bool
    is_nobody: bool
    ends: dict[tuple[_Role, str | None], tuple[ServiceKey, str]] = field(default_factory=dict)
    """The service that it means in a role, beside another end that is there; and why."""


class Resolver:
    """Applies the rules for one source and what is declared now.

    A poll repeats its names a hundred times: what follows from a name is worked out once, and so is what follows for an end.
    """

    def __init__(self, source: Source, declared: Declared) -> None:
        self._cluster = intern(source.cluster)
        self._default = source.default_namespace or None
        self._quarantine = source.quarantine
        self._declared = declared
        self._words: dict[tuple[str, str], _Word] = {}

    def sighting(self, call: RawCall) -> Sighting | str:
        """The call with its ends resolved, or why it has no place in the graph."""
        client, server = self._both(call)
        if not client.is_name or not server.is_name:
            return UNREADABLE
        connection, virtual = call.connection, call.virtual
        database = connection is _DATABASE
        mute_client, mute_server = virtual is _CLIENT, virtual is _SERVER
        source, why = self._end(client, _SILENT_CALLER if mute_client else _CALLER, server.place)
        called = _DATASTORE if database else _SILENT_CALLED if mute_server else _CALLED
        # What sends no spans is known by its caller alone, so it follows the caller wherever that was found.
        beside = client.place if called is _CALLED else source.namespace or None
        target, why_target = self._end(server, called, beside)
        if source == target:
            return SELF_CALL
        why = f"{why}{RULES_APART}{why_target}"
        quarantined = (
            client.is_nobody
            or server.is_nobody
            or (mute_client and self._is_no_caller(client, server.place))
            or (mute_server and server.name == NO_CALLER)
        )
        if quarantined:
            why = f"{why}{RULES_APART}{IN_QUARANTINE}"
        one_end = mute_client or mute_server or database or connection is _VIRTUAL
        return Sighting(
            call,
            source,
            target,
            _ONE_END if one_end else _BOTH_ENDS,
            _ASYNC if connection is _MESSAGING else _SYNC,
            why,
            quarantined,
        )

    def nobodies(self, call: RawCall) -> tuple[str, ...]:
        """Those of the two names that name no service."""
        client, server = self._both(call)
        found = list[str]()
        if client.is_nobody or (call.virtual is _CLIENT and self._is_no_caller(client, server.place)):
            found.append(client.name)
        if server.is_nobody or (call.virtual is _SERVER and server.name == NO_CALLER):
            found.append(server.name)
        return tuple(found)

    def _is_no_caller(self, word: _Word, beside: str | None) -> bool:
        """Whether a client without spans is no service: whoever called, or a host from outside, which nobody can walk from."""
        if word.name == NO_CALLER:
            return True
        host = without_port(word.name)
        if word.is_placed or "." not in host:
            return False
        is_declared = self._is_declared(self._default or beside, host)
        return not is_declared and self._near_host(host, datastore=False) is None

    def _both(self, call: RawCall) -> tuple[_Word, _Word]:
        client = self._words.get((call.client, call.client_namespace))
        server = self._words.get((call.server, call.server_namespace))
        return (
            client or self._word(call.client, call.client_namespace),
            server or self._word(call.server, call.server_namespace),
        )

    def _word(self, name: str, namespace: str) -> _Word:
        label = "" if namespace == NO_NAMESPACE else namespace
        host = None if label else cluster_host(name)
        word = self._words[name, namespace] = _Word(
            name,
            label,
            label or (host.namespace if host else self._default),
            bool(label or host),
            bool(name) and _is_readable(name) and _is_readable(namespace),
            not self._quarantine.isdisjoint((name, without_port(name)))
            or name.startswith(f"{UNNAMED}:")
            or is_address(name),
        )
        return word

    def _end(self, word: _Word, role: _Role, beside: str | None) -> tuple[ServiceKey, str]:
        """The service at one end, and why; `beside` is where the other end is, by what itself says."""
        key = (role, None if word.is_placed else beside)
        known = word.ends.get(key)
        if known is None:
            place, name, kind, rules = self._looked_up(word, role, beside)
            end = ServiceKey(self._cluster, intern(place), intern(name), kind)
            known = word.ends[key] = end, RULES_APART.join(f"{role.word}: {rule}" for rule in rules)
        return known

    def _looked_up(self, word: _Word, role: _Role, beside: str | None) -> tuple[str, str, str, list[str]]:
        """Place, name and kind of an end, and the rules that led there."""
        name, rules = word.name, list[str]()
        wanted = Kind.DATASTORE.value if role.datastore else None
        place: str | None = word.label or None
        if place is not None:
            rules.append(BY_LABEL)
        elif host := cluster_host(name):
            name, place = host
            rules.append(BY_HOST)
        else:
            place, name, is_external = self._beside(name, role, beside, rules)
            if is_external:
                return "", name, Kind.EXTERNAL.value, rules
        short = self._without_random_end(place, name)
        if short != name:
            name = short
            rules.append(WITHOUT_END)
        if place is None:
            places = self._declared.places(name, wanted)
            place = places[0] if len(places) == 1 else ""
            rules.append(BY_NAME if len(places) == 1 else NOWHERE)
        kind = wanted or (self._kind(place, name) if place else Kind.SERVICE.value)
        if kind not in {wanted, Kind.SERVICE.value}:
            rules.append(AS_DECLARED)
        return place, name, kind, rules

    def _beside(
        self, name: str, role: _Role, beside: str | None, rules: list[str]
    ) -> tuple[str | None, str, bool]:
        """Place and name of an end that does not say where it is, and whether it is an External; adds the rules to `rules`."""
        place = self._default or beside
        if role.silent:
            if without_port(name) != name:
                name = without_port(name)
                rules.append(WITHOUT_PORT)
            if not self._is_declared(place, name):
                if self._is_external(beside, place, name, role):
                    rules.append(AS_EXTERNAL)
                    return "", name, True
                if near := self._near_host(name, datastore=role.datastore):
                    rules.append(BY_HOST)
                    return near.namespace, near.name, False
                if role is _SILENT_CALLED and _is_outside(name):
                    rules.append(OUTSIDE)
                    return "", name, True
        if place is not None:
            rules.append(BY_DEFAULT if self._default else BESIDE)
        return place, name, False

    def _is_external(self, beside: str | None, place: str | None, name: str, role: _Role) -> bool:
        """Whether it is an External that is declared; `place` is where it would be otherwise."""
        if role is _SILENT_CALLER:
            return False
        # An External is in no place; that a neighbour calls it makes it known here, and no hub of all places.
        if self._declared.is_called_outside(beside or "", name):
            return True
        return place is None and not role.datastore and self._declared.is_only_outside(name)

    def _near_host(self, name: str, *, datastore: bool) -> Host | None:
        """What `service.namespace` means in the cluster, where that service is declared; `api.acme` may be anything."""
        host = short_host(name)
        kinds = self._declared.kinds(host.namespace, host.name) if host else ()
        return host if (Kind.DATASTORE in kinds if datastore else kinds) else None

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


def _is_outside(name: str) -> bool:
    return "." in name or is_address(name)


def _is_readable(text: str) -> bool:
    """Whether it can be stored: Postgres takes no NUL, UTF-8 no half of a pair; controls separate the parts of a key."""
    return text.isprintable() or not any(letter < " " or "\ud800" <= letter <= "\udfff" for letter in text)
