"""The services of a snapshot as columns: kinds, teams and names, so that picking some of them out looks at no node by itself.

Made when first asked for and kept for as long as the snapshot lives. The lists of the HTTP server and the comparison with
reality pick by it; a name that may be misspelt is the business of `checks.near`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import cached_property
from itertools import accumulate
from operator import attrgetter
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from servicegraph.model.ids import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy.typing as npt

    from servicegraph.graph.columns import Node
    from servicegraph.graph.snapshot import Snapshot

    Bools = npt.NDArray[np.bool_]

_KINDS = {kind.value: number for number, kind in enumerate(Kind)}
_key = attrgetter("key")
_END = "\0"
"""Stands behind each name in the text of all names."""


class Catalogue:
    """Which nodes are of some kind, in some namespace, of some team or name; take the one that `catalogue` keeps."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = nodes
        self._kinds = np.fromiter((_KINDS[one.key.kind] for one in nodes), np.int8, len(nodes))

    def of_kinds(self, kinds: Iterable[str]) -> Bools:
        """By node, whether it is of one of these kinds."""
        return np.isin(self._kinds, [_KINDS[kind] for kind in kinds])

    def of_team(self, team: str) -> Bools:
        """By node, whether it belongs to this team."""
        codes, code = self._teams
        return np.equal(code, codes.get(team, -1))

    def in_namespace(self, namespace: str) -> Bools:
        """By node, whether it is in this namespace of any cluster: in each cluster they stand side by side."""
        nodes, inside, at = self._nodes, np.zeros(len(self._nodes), np.bool_), 0
        while at < len(nodes):
            cluster = nodes[at].key.cluster
            begin, end = (
                bisect_left(nodes, (cluster, name), at, key=_key) for name in (namespace, f"{namespace}\0")
            )
            inside[begin:end] = True
            at = bisect_left(nodes, (f"{cluster}\0",), end, key=_key)
        return inside

    def named(self, part: str, begin: int = 0) -> Iterator[int]:
        """The positions from `begin` on of nodes with `part` in their name, in any case; ascending, found as they are taken."""
        names, ends = self._names
        part, node = part.casefold(), begin
        while node < len(ends):
            at = names.find(part, ends[node - 1] if node else 0)
            if at < 0:
                return
            node = bisect_right(ends, at, node)
            if at + len(part) < ends[node]:  # else it runs beyond the end of this name
                yield node
            node += 1

    @cached_property
    def _teams(self) -> tuple[dict[str | None, int], npt.NDArray[np.int32]]:
        """A number for each team, and the number of each node."""
        codes: dict[str | None, int] = {}
        numbers = (codes.setdefault(one.team, len(codes)) for one in self._nodes)
        return codes, np.fromiter(numbers, np.int32, len(self._nodes))

    @cached_property
    def _names(self) -> tuple[str, list[int]]:
        """All names in one text, in lower case, and where each ends in it."""
        names = [one.key.name.casefold() + _END for one in self._nodes]
        return "".join(names), list(accumulate(map(len, names)))


_kept: WeakKeyDictionary[Snapshot, Catalogue] = WeakKeyDictionary()


def catalogue(snapshot: Snapshot) -> Catalogue:
    """The catalogue of a snapshot, made once."""
    found = _kept.get(snapshot)
    if found is None:
        found = _kept[snapshot] = Catalogue(snapshot.nodes)
    return found
