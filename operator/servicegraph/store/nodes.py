"""The services of a snapshot: what Postgres holds about each, and of several words on one field the one that counts.

Nearly every service has one statement or none, so only those with several are put into the order of precedence: declared before
api before others, the older object before the younger. Called by `store.snapshot`.
"""

from __future__ import annotations

from dataclasses import dataclass
from sys import intern
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from servicegraph.graph.columns import Node
from servicegraph.model.ids import ServiceKey
from servicegraph.store.columns import keys_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import asyncpg

    from servicegraph.graph.columns import Provider
    from servicegraph.store.columns import Ids

    Connection = asyncpg.Connection[asyncpg.Record]
    Rows = Sequence[asyncpg.Record]

_SERVICES = "SELECT id, cluster, namespace, name, kind FROM services ORDER BY cluster, namespace, name, kind"

_STATEMENTS = """
SELECT service, provider, object, technology, team, criticality, target, NULLIF(labels, '{}')::text
FROM statements
"""


@dataclass(frozen=True, slots=True)
class Services:
    """What Postgres answered about services, not yet looked at."""

    services: Rows
    statements: Rows

    @property
    def ids(self) -> Ids:
        """The surrogate keys, in the order of the nodes."""
        return keys_of(self.services)

    def nodes(self, provider_ids: Ids, providers: Sequence[Provider], objects: Ids) -> list[Node]:
        """The services in the order of their keys, each with the first word on each field.

        Args:
            provider_ids: keys of the providers.
            providers: in the same order, which decides between statements that are otherwise equal.
            objects: keys of the objects in the order of precedence.
        """
        said: dict[int, tuple[Any, ...]] = {}
        several: dict[int, list[tuple[Any, ...]]] = {}
        for row in map(tuple, self.statements):
            if row[0] in said:
                several.setdefault(row[0], [said[row[0]]]).append(row)
            else:
                said[row[0]] = row
        if several:
            ranks = _Ranks(provider_ids, providers, objects)
            said |= {service: _best(sorted(rows, key=ranks.of)) for service, rows in several.items()}
        return [_node(row, said.get(row[0])) for row in map(tuple, self.services)]


async def read(conn: Connection) -> Services:
    """Read all services and what is said about them."""
    return Services(await conn.fetch(_SERVICES), await conn.fetch(_STATEMENTS))


class _Ranks:
    """Precedence of statements."""

    def __init__(self, provider_ids: Ids, providers: Sequence[Provider], objects: Ids) -> None:
        groups = {"declared": 0, "api": 1}
        self._providers = {
            key: (groups.get(one.group, 2), at)
            for at, (key, one) in enumerate(zip(provider_ids.tolist(), providers, strict=True))
        }
        self._order = np.argsort(objects)
        self._sorted = objects[self._order]

    def of(self, statement: tuple[Any, ...]) -> tuple[int, int, int]:
        """Where a statement stands; the smallest counts first."""
        _, provider, key, *_ = statement
        group, place = self._providers[provider]
        age = 0 if key is None else int(self._order[np.searchsorted(self._sorted, key)])
        return group, age, place


def _best(statements: Iterable[tuple[Any, ...]]) -> tuple[Any, ...]:
    """One statement that says of each field the first that is said."""
    return tuple(next((word for word in words if word), None) for words in zip(*statements, strict=True))


def _node(service: tuple[Any, ...], said: tuple[Any, ...] | None) -> Node:
    _, cluster, namespace, name, kind = service
    key = ServiceKey(cluster, intern(namespace), name, intern(kind))
    if said is None:
        return Node(key)
    _, _, _, technology, team, criticality, target, labels = said
    return Node(
        key,
        technology or None,
        team or None,
        criticality or None,
        target or None,
        tuple(sorted(orjson.loads(labels).items())) if labels else (),
        stated=True,
    )
