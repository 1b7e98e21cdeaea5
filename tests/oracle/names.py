"""How raw names of telemetry must be read by what is declared, told once more. Plain, and it imports nothing of the product."""

from __future__ import annotations

import re
from collections import defaultdict
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple

from oracle.bodies import about, dependencies, printed

if TYPE_CHECKING:
    from collections.abc import Collection

    from oracle.bodies import Body

NOBODY = {"unknown", "outgoing", "localhost", "PassthroughCluster", "BlackHoleCluster", "unknown_service"}
UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}
RANDOM = "[bcdfghjklmnpqrstvwxz2456789]"


class Raw(NamedTuple):
    """A call as series say it; empty is not said."""

    client: str
    server: str
    client_namespace: str = ""
    server_namespace: str = ""
    connection: str = ""
    virtual: str = ""


class Read(NamedTuple):
    """A call as its names are read now; the ends are printed ids."""

    source: str
    target: str
    quarantined: bool


class End(NamedTuple):
    """One end as it is said."""

    name: str
    label: str
    elsewhere: str
    """Where the other end is, by what itself says."""
    silent: bool
    """It has sent no span."""
    database: bool = False
    calls: bool = False
    """It is the caller."""

    @property
    def own(self) -> str:
        """Where it is, by what itself says."""
        return place(self.name, self.label)


class Names:
    """Reads raw names by what these objects declare."""

    def __init__(self, objects: Collection[Body]) -> None:
        self.kinds: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.outside: set[tuple[str, str]] = set()
        """Externals that are declared to be called, each with the namespace of a caller."""
        self.rare: dict[tuple[str, str], float] = defaultdict(float)
        for body in objects:
            targets = dependencies(body)
            for one in (about(body), *(target for target, _ in targets)):
                where, _, rest = one.partition("/")
                name, _, kind = rest.partition(":")
                self.kinds["" if where == "-" else where, name].add(kind or "service")
            for target, said in targets:
                if target.endswith(":external"):
                    self.outside.add((about(body).split("/", maxsplit=1)[0], said["name"]))
                seconds = _seconds(said.get("expectedInterval") or "")
                self.rare[about(body), target] = max(self.rare[about(body), target], seconds)

    def expected(self, read: Read) -> float:
        """Seconds that may lie between two such calls, where that is declared."""
        return self.rare[read.source, read.target]

    def read(self, raw: Raw) -> Read:
        """The two ends, and whether one of them is no service."""
        client_at = place(raw.client, raw.client_namespace)
        server_at = place(raw.server, raw.server_namespace)
        database = raw.connection == "database"
        mute = database or raw.virtual == "server"
        caller = End(raw.client, raw.client_namespace, server_at, raw.virtual == "client", calls=True)
        source = self.end(caller)
        found_at = source.split("/", maxsplit=1)[0].removeprefix("-")
        beside = found_at if mute else client_at
        return Read(
            source,
            self.end(End(raw.server, raw.server_namespace, beside, mute, database)),
            is_nobody(raw.client, virtual=raw.virtual == "client")
            or self.is_stranger(caller)
            or is_nobody(raw.server, virtual=raw.virtual == "server"),
        )

    def end(self, said: End) -> str:
        """The printed id."""
        where = said.own or said.elsewhere
        name = said.name
        if not said.label and ".svc" in name:
            name = name.split(".svc", maxsplit=1)[0].split(".")[-2]
        elif not said.label and said.silent:
            name = re.sub(r":[0-9]+$", "", name)
            if not self.is_known(where, name):
                if self.is_external(said, name):
                    return printed("", name, "External")
                name, where = self.near(name, "datastore" if said.database else None) or (name, where)
        if not self.is_known(where, name):
            certain = re.fullmatch(rf"(.+)-({RANDOM}{{8,10}}|[0-9]{{8}})-{RANDOM}{{5}}", name)
            likely = re.fullmatch(rf"(.+)-{RANDOM}{{5}}", name)
            if certain or (likely and self.is_known(where, likely[1])):
                name = (certain or likely or [""] * 2)[1]
        if not where:
            places = self.places(name, "datastore" if said.database else None)
            where = places.pop() if len(places) == 1 else ""
        kinds = self.kinds.get((where, name), set()) if where else set[str]()
        kind = "datastore" if said.database else min(kinds) if len(kinds) == 1 else "service"
        return printed(where, name.replace(":", "%3A"), kind.capitalize())

    def is_external(self, said: End, name: str) -> bool:
        """Whether what sends no spans, and is not known where it would be, is outside."""
        if said.calls:
            return False
        if (said.elsewhere, name) in self.outside:
            return True
        if said.database:
            return False
        is_only_there = ("", name) in self.kinds and not self.places(name, None)
        if not (said.own or said.elsewhere) and is_only_there:
            return True
        return ("." in name or is_address(name)) and self.near(name, None) is None

    def near(self, name: str, kind: str | None) -> tuple[str, str] | None:
        """What a host `service.namespace` means, if that is declared, as that kind if one is given."""
        one, _, at = name.partition(".")
        kinds = self.kinds.get((at, one), set()) if at else set[str]()
        return (one, at) if kinds and (kind is None or kind in kinds) else None

    def is_stranger(self, said: End) -> bool:
        """Whether a caller without spans is a host that nobody declares."""
        name = re.sub(r":[0-9]+$", "", said.name)
        if not said.silent or said.own or "." not in name:
            return False
        return not self.is_known(said.elsewhere, name) and self.near(name, None) is None

    def places(self, name: str, kind: str | None) -> set[str]:
        """Where that name is declared, as that kind if one is given."""
        named = [(at, kinds) for (at, one), kinds in self.kinds.items() if at and one == name]
        return {at for at, kinds in named if kind is None or kind in kinds}

    def is_known(self, where: str, name: str) -> bool:
        """Whether that name is declared there; without a place, in one place only."""
        return (where, name) in self.kinds if where else len(self.places(name, None)) == 1


def place(name: str, label: str) -> str:
    """Where an end is, by its label or its host name in the cluster."""
    found = re.search(r"\.([^.]+)\.svc(\.|:|$)", name)
    return label or (found[1] if found else "")


def is_nobody(name: str, *, virtual: bool) -> bool:
    """Whether the name names no service."""
    return name.split(":", maxsplit=1)[0] in NOBODY or is_address(name) or (name == "user" and virtual)


def is_address(name: str) -> bool:
    """Whether it is an IP address of version 4, perhaps with a port."""
    try:
        ip_address(name.split(":", maxsplit=1)[0])
    except ValueError:
        return False
    return True


def _seconds(text: str) -> float:
    return sum(UNITS[unit] * int(number) for number, unit in re.findall(r"([0-9]+)([hms])", text))
