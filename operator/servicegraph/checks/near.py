"""Which services may have been meant by a name that nobody knows: "did you mean …".

A name may be misspelt (`paymnet`), cut short or drawn out (`checkout`, `checkoutservice`), looked for in the wrong namespace,
or be of another kind. `checks.targets` and the HTTP server's 404 answers ask this.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from servicegraph.checks.spelling import Spelling
from servicegraph.model.vocabulary import Evidence, Flag

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from servicegraph.graph.columns import Node
    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.model.ids import ServiceKey

AT_MOST = 3
"""Suggestions for one name."""


class KnownServices:
    """The services of one snapshot that something other than a mere declared dependency names, ready to be searched.

    A service is known when an object or an api record is about it, or when a provider other than `declared` reports a call from
    or to it outside quarantine. Making it takes a while in large graphs: take the one that `known_services` keeps.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._nodes = snapshot.nodes
        self._position = snapshot.position
        self._known = _known(snapshot)
        self._names = _Names(self._nodes, np.flatnonzero(self._known))

    def __contains__(self, key: ServiceKey) -> bool:
        at = self._position(key)
        return at is not None and bool(self._known[at])

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """By node of the snapshot, whether it is known; not to be written to."""
        return self._known

    def near(self, wanted: ServiceKey, among: npt.NDArray[np.bool_] | None = None) -> tuple[str, ...]:
        """The ids of at most three known services that may have been meant, the likeliest first; `wanted` itself never is.

        Args:
            wanted: whom nobody knows by that name.
            among: by node of the snapshot, whether it may be meant; None for all.
        """
        return first(self.ranked(wanted, among))

    def ranked(
        self, wanted: ServiceKey, among: npt.NDArray[np.bool_] | None = None
    ) -> list[tuple[int, int, ServiceKey]]:
        """All that `near` chooses from, each behind how strange it would be to mean it; `first` puts several lists together."""
        found: list[tuple[int, int, ServiceKey]] = []
        for name, strangeness in self._names.spelling.alike(wanted.name.casefold()).items():
            for at in self._names.positions(name):
                key = self._nodes[at].key
                if key == wanted or key.cluster != wanted.cluster or (among is not None and not among[at]):
                    continue
                elsewhere = (key.namespace != wanted.namespace) + (key.kind != wanted.kind)
                found.append((strangeness + elsewhere, strangeness, key))
        return found


def first(ranked: Iterable[tuple[int, int, ServiceKey]]) -> tuple[str, ...]:
    """The ids of the likeliest three."""
    return tuple(str(key) for _, _, key in sorted(set(ranked))[:AT_MOST])


@lru_cache(maxsize=1)
def known_services(snapshot: Snapshot) -> KnownServices:
    """What is known in this snapshot, made once for all who ask; `store.snapshot` asks first, in the thread that loads it."""
    return KnownServices(snapshot)


class _Names:
    """Which nodes bear which name, in lower case: as numbers, for a list for each of 100 000 names takes a second."""

    def __init__(self, nodes: Sequence[Node], positions: npt.NDArray[np.intp]) -> None:
        names = [nodes[at].key.name.casefold() for at in positions.tolist()]
        self._number = {name: number for number, name in enumerate(dict.fromkeys(names))}
        numbers = np.fromiter(map(self._number.__getitem__, names), np.intp, len(names))
        self._positions = positions[np.argsort(numbers, kind="stable")]
        self._end = np.cumsum(np.bincount(numbers, minlength=len(self._number)))
        self.spelling = Spelling(self._number)

    def positions(self, name: str) -> list[int]:
        """The nodes of that name, ascending."""
        number = self._number[name]
        begin = self._end[number - 1] if number else 0
        found: list[int] = self._positions[begin : self._end[number]].tolist()
        return found


def _known(snapshot: Snapshot) -> npt.NDArray[np.bool_]:
    """By node, whether it is known."""
    known = np.fromiter((one.stated for one in snapshot.nodes), np.bool_, len(snapshot.nodes))
    said = snapshot.edges.observations
    reported = (said.evidence != Evidence.DECLARED) & ((said.flags & np.uint8(Flag.QUARANTINED)) == 0)
    edges = snapshot.edges.rest_on(reported)
    known[snapshot.edges.source[edges]] = True
    known[snapshot.edges.target[edges]] = True
    return known
