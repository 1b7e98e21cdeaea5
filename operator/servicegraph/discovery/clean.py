"""From the labels of a series to a call by raw names, or to why there is none.

A name is kept as it was said or not at all: letters that look alike stay different services, and nothing is cut or taken
out, as that could turn one name into another's. What a terminal, a log or Postgres chokes on is dropped and counted.
`gather` calls this for every series of an answer.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from servicegraph.model.telemetry import NO_CALLER, Connection, RawCall, VirtualEnd

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servicegraph.discovery.presets import Labels

MOST_CHARACTERS = 253
"""Of a name: as many as Kubernetes gives to any of its own."""


_CONNECTIONS = {str(one): one for one in Connection}
_VIRTUAL = {str(one): one for one in VirtualEnd if one}


class Why(StrEnum):
    """Why a series says no call that could be kept."""

    NO_NAME = "no name"
    TOO_LONG = "name too long"
    INVISIBLE = "invisible characters"


class Cleaner:
    """Reads the series of one answer after another; a name that comes a thousand times is looked at and held once."""

    def __init__(self, labels: Labels) -> None:
        self._labels = labels
        self._known: dict[str, str | Why] = {"": ""}

    def call(self, series: Mapping[str, str]) -> RawCall | Why:
        """The call that a series tells of."""
        said = self._labels
        client, server = self._said(series, said.client), self._said(series, said.server)
        client_namespace = self._said(series, said.client_namespace)
        server_namespace = self._said(series, said.server_namespace)
        for value in (client, server, client_namespace, server_namespace):
            if isinstance(value, Why):
                return value
        if not client or not server:
            return Why.NO_NAME
        # A word that nobody knows is a plain call.
        connection = _CONNECTIONS.get(_first(series, said.connection_type), Connection.DIRECT)
        virtual = VirtualEnd.NONE
        if (word := _first(series, said.virtual_node)) in _VIRTUAL:
            virtual = _VIRTUAL[word]
        elif connection is Connection.VIRTUAL:
            virtual = _silent_end(client, client_namespace, server_namespace)
        return RawCall(client, server, client_namespace, server_namespace, connection, virtual)

    def _said(self, series: Mapping[str, str], spellings: tuple[str, ...]) -> str | Why:
        """What the first of these labels that says something says, cleaned."""
        value = _first(series, spellings)
        known = self._known.get(value)
        if known is None:
            known = clean(value)
            if known is not Why.TOO_LONG:
                self._known[value] = known
        return known


def clean(value: str) -> str | Why:
    """The value without blanks around it, or why it can be no name."""
    if len(value) > MOST_CHARACTERS:
        return Why.TOO_LONG
    value = value.strip()
    return value if value.isprintable() else Why.INVISIBLE


def _first(series: Mapping[str, str], spellings: tuple[str, ...]) -> str:
    for label in spellings:
        if value := series.get(label):
            return value
    return ""


def _silent_end(client: str, client_namespace: str, server_namespace: str) -> VirtualEnd:
    """The end that sent no span, where no label says which: the one without the namespace which the other has.

    Where neither has one, the client's name tells: a connector calls a client that sent no span `user`, so that any other
    name is one that a span has said, and the server is the silent end. Where both have one it is not known.
    """
    if client_namespace and server_namespace:
        return VirtualEnd.NONE
    if client_namespace or server_namespace:
        return VirtualEnd.SERVER if client_namespace else VirtualEnd.CLIENT
    return VirtualEnd.CLIENT if client == NO_CALLER else VirtualEnd.SERVER
