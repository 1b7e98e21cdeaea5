"""Drift: where declarations and telemetry disagree, and where they agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from servicegraph.checks.lookalikes import lookalikes
from servicegraph.graph.drift import MOST, declaring, drift, scope_of
from servicegraph.graph.reality import reality
from servicegraph_api import parameters as p
from servicegraph_api.fragments import dumps, joined

if TYPE_CHECKING:
    from servicegraph.graph.snapshot import Snapshot
    from servicegraph_api.answers import Ask

_TRUNCATED = (
    f"a list has more than {MOST:,} edges, or many names were looked up: ask for one namespace or team"
)
_NO_TELEMETRY = "no source of telemetry has shown anything yet: nothing can be held against what is declared"


def compared(ask: Ask) -> bytes:
    """The edges of a namespace or team, told apart by who says that they exist."""
    snapshot = ask.snapshot
    scope = scope_of(snapshot, ask.query[p.NAMESPACE], ask.query[p.TEAM])
    found = drift(snapshot, scope)
    near, more = lookalikes(snapshot, scope, found)
    reverse = reality(snapshot).reverse

    def edge(position: int) -> bytes:
        return ask.memory.fragments.edge(snapshot, position)

    lists = b",".join(
        b'"%s":%s' % (name, joined(map(edge, positions.tolist())))
        for name, positions in (
            (b"declared_only", found.declared_only),
            (b"observed_only", found.observed_only),
            (b"both", found.both),
        )
    )
    swapped = joined(
        b'{"declared":%s,"observed":%s}' % (edge(position), edge(int(reverse[position])))
        for position in found.swapped.tolist()
    )
    truncated = found.truncated or more
    undeclared = np.concatenate((found.observed_only, reverse[found.swapped]))
    sources = np.unique(snapshot.edges.source[undeclared]).tolist()
    rest = {
        "near_misses": [one._asdict() for one in near],
        "declared_in": {
            str(snapshot.nodes[source].key): [str(name) for name in names]
            for source, names in declaring(snapshot, sources).items()
        },
        "truncated": truncated,
        "warnings": _warnings(snapshot, truncated=truncated),
        "graph_version": snapshot.mark.version,
    }
    return b'{%s,"swapped":%s,%s' % (lists, swapped, dumps(rest)[1:])


def _warnings(snapshot: Snapshot, *, truncated: bool) -> list[str]:
    """What a reader must know to read the answer right."""
    warnings = [_TRUNCATED] if truncated else []
    if not any(provider.sees for provider in snapshot.providers):
        warnings.append(_NO_TELEMETRY)
    return warnings
