"""Which services may have been meant by a name that nobody knows: "did you mean …".

A name may be misspelt (`paymnet`), cut short or drawn out (`checkout`, `checkoutservice`), looked for in the wrong namespace,
or be of another kind. `checks.targets` and the HTTP server's 404 answers ask this.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from servicegraph.checks.spelling import Spelling
from servicegraph.model.vocabulary import Evidence, Flag

if TYPE_CHECKING:
    import numpy.typing as npt

    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.model.ids import ServiceKey

AT_MOST = 3
"""Suggestions for one name."""


class KnownServices:
    """The services of one snapshot that something other than a mere declared dependency names, ready to be searched.

    A service is known when an object or an api record is about it, or when a provider other than `declared` reports a call from
    or to it outside quarantine. Make one for each snapshot and keep it as long: the first search makes an index.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._nodes = snapshot.nodes
        self._position = snapshot.position
        self._known = _known(snapshot)

    def __contains__(self, key: ServiceKey) -> bool:
        at = self._position(key)
        return at is not None and bool(self._known[at])

    def near(self, wanted: ServiceKey) -> tuple[str, ...]:
        """The ids of at most three known services that may have been meant, the likeliest first; `wanted` itself never is."""
        ranked: list[tuple[int, int, ServiceKey]] = []
        for name, strangeness in self._spelling.alike(wanted.name.casefold()).items():
            for at in self._by_name[name]:
                key = self._nodes[at].key
                if key == wanted or key.cluster != wanted.cluster:
                    continue
                elsewhere = (key.namespace != wanted.namespace) + (key.kind != wanted.kind)
                ranked.append((strangeness + elsewhere, strangeness, key))
        return tuple(str(key) for _, _, key in sorted(ranked)[:AT_MOST])

    @cached_property
    def _by_name(self) -> dict[str, list[int]]:
        """The positions of the known nodes by name, in lower case."""
        by_name: dict[str, list[int]] = {}
        for at in np.flatnonzero(self._known).tolist():
            by_name.setdefault(self._nodes[at].key.name.casefold(), []).append(at)
        return by_name

    @cached_property
    def _spelling(self) -> Spelling:
        return Spelling(self._by_name)


def _known(snapshot: Snapshot) -> npt.NDArray[np.bool_]:
    """By node, whether it is known."""
    known = np.fromiter((one.stated for one in snapshot.nodes), np.bool_, len(snapshot.nodes))
    said = snapshot.edges.observations
    reported = (said.evidence != Evidence.DECLARED) & ((said.flags & np.uint8(Flag.QUARANTINED)) == 0)
    edges = snapshot.edges.rest_on(reported)
    known[snapshot.edges.source[edges]] = True
    known[snapshot.edges.target[edges]] = True
    return known
