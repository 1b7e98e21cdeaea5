"""A graph without edges: what there is where no cluster has been asked, and a list of services that can be searched like one.

`servicegraph check` without a server holds manifests against it; `checks.strangers` searches the services of manifests by it.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

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
    nothing: dict[str, Any] = {one.name: np.zeros(0, np.int32) for one in fields(ObservationColumns)}
    nothing["flags"] = np.zeros(0, np.uint8)
    nodes = [Node(key, stated=True) for key in sorted(stated)]
    return build(_NOWHERE, nodes, (), ("",), ObservationColumns(**nothing))
