"""From the labels of a series to a call by raw names, or to why there is none.

A name is kept as it was said or not at all: letters that look alike stay different services, and nothing is cut or taken
out, as that could turn one name into another's. What a terminal, a log or Postgres chokes on is dropped and counted.
`gather` calls this for every series of an answer.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from servicegraph.model.telemetry import Connection, RawCall, VirtualEnd

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
        virtual = _virtual(
            _first(series, said.virtual_node), connection, bool(client_namespace), bool(server_namespace)
        )
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


def _virtual(word: str, connection: Connection, client_placed: bool, server_placed: bool) -> VirtualEnd:  # noqa: FBT001 - a pair
    """The end that sent no span: said by its label, else told by the end that lacks the namespace which the other has.

    Where a series says neither, it is not known: `user` may be no caller at all, or a service of that name.
    """
    if word in _VIRTUAL:
        return _VIRTUAL[word]
    if connection is Connection.VIRTUAL and client_placed != server_placed:
        return VirtualEnd.SERVER if client_placed else VirtualEnd.CLIENT
    return VirtualEnd.NONE
