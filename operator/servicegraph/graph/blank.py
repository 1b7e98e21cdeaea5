"""A graph without edges: what there is where no cluster has been asked, and a list of services that can be searched like one.

`servicegraph check` without a server holds manifests against it; `checks.strangers` searches the services of manifests by it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from servicegraph.graph.columns import Mark, Node, ObservationColumns
from servicegraph.graph.snapshot import build

if TYPE_CHECKING:
    from collections.abc import Iterable

    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.model.ids import ServiceKey

_NOWHERE = Mark("", 0, 0, datetime(1970, 1, 1, tzinfo=UTC))


def blank(stated: Iterable[ServiceKey] = ()) -> Snapshot:
    """A graph of which nothing is known but that some services are stated."""
    nothing = ObservationColumns(
        source=np.zeros(0, np.int32),
        target=np.zeros(0, np.int32),
        provider=np.zeros(0, np.int16),
        rank=np.zeros(0, np.int32),
        evidence=np.zeros(0, np.int8),
        mode=np.zeros(0, np.int8),
        requirement=np.zeros(0, np.int8),
        flags=np.zeros(0, np.uint8),
        protocol=np.zeros(0, np.int32),
        first_seen=np.zeros(0, np.int64),
        last_seen=np.zeros(0, np.int64),
    )
    nodes = [Node(key, stated=True) for key in sorted(stated)]
    return build(_NOWHERE, nodes, (), ("",), nothing)
