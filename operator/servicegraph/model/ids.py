"""The identity of a service and how it is printed.

A service is `(cluster, namespace, name, kind)`. Its printed id is `namespace/name`, then `:kind` in lower case unless it is a
Service, then `@cluster` unless it is the local one: `shop/checkout`, `shop/orders:datastore`, `-/api.stripe.com:external`.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import unquote

from servicegraph.errors import BadInput

NO_NAMESPACE = "-"
"""How an empty namespace is printed: every External, and telemetry names that could not be resolved."""

NAME_PATTERN = r"^[A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9])?$"
"""What a declared name looks like."""

_ESCAPED = re.compile(r"[%/:@\s\x00-\x1f\x7f-\x9f]")


class Kind(StrEnum):
    """What a node of the graph is."""

    SERVICE = "Service"
    DATASTORE = "Datastore"
    QUEUE = "Queue"
    EXTERNAL = "External"


class ServiceKey(NamedTuple):
    """The identity of a service; `cluster` is `''` for the local one, `namespace` is `''` for none."""

    cluster: str
    namespace: str
    name: str
    kind: str

    def __str__(self) -> str:
        """The printed id."""
        text = f"{escape(self.namespace) or NO_NAMESPACE}/{escape(self.name)}"
        if self.kind != Kind.SERVICE:
            text += f":{self.kind.lower()}"
        return f"{text}@{escape(self.cluster)}" if self.cluster else text


def escape(name: str) -> str:
    """Percent-encode what would be read as structure in an id or a route."""
    return _ESCAPED.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), name)


def parse_kind(text: str) -> Kind:
    """The kind called `text` in any case.

    Raises:
        BadInput: naming the kinds there are.
    """
    for kind in Kind:
        if kind.lower() == text.lower():
            return kind
    raise BadInput(f"kind {text[:60]!r} is none of {', '.join(Kind)}")


def parse_loose_id(text: str) -> ServiceKey:
    """Read a printed id whose kind may be left out for any: then the kind of the key is empty.

    Raises:
        BadInput: saying what an id looks like.
    """
    key = parse_id(text)
    return key if ":" in text.partition("@")[0] else key._replace(kind="")


def parse_id(text: str) -> ServiceKey:
    """Read a printed id back.

    Raises:
        BadInput: saying what an id looks like.
    """
    rest, _, cluster = text.partition("@")
    rest, _, kind = rest.partition(":")
    namespace, slash, name = rest.partition("/")
    if not slash or not namespace or not name or "/" in name:
        raise BadInput(f"{text[:120]!r} is no service id; write namespace/name, or namespace/name:kind")
    space = "" if namespace == NO_NAMESPACE else unquote(namespace)
    return ServiceKey(unquote(cluster), space, unquote(name), parse_kind(kind) if kind else Kind.SERVICE)
