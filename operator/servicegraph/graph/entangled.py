"""Which services lie on a circle, told from pairs of numbers alone, before anything else about them is known.

Most of a graph lies on no circle. So the transaction that looks for circles reads only who calls whom, asks this, and reads
the rest of the few that are left (`store.circles`), whatever the size of the graph.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

if TYPE_CHECKING:
    import numpy.typing as npt

    Numbers = npt.NDArray[np.signedinteger[Any]]


def entangled(source: Numbers, target: Numbers) -> Numbers:
    """The numbers that lie on a circle of two or more, ascending, in time linear in the pairs but for sorting scattered ones.

    Args:
        source: where each pair begins; any numbers, any order, pairs may repeat.
        target: where each pair ends.
    """
    size = 1 + max(int(source.max(initial=-1)), int(target.max(initial=-1)))
    if size <= 4 * len(source):
        return np.flatnonzero(_on_circle(source, target, size))
    numbers, place = np.unique(np.concatenate((source, target)), return_inverse=True)
    found: Numbers = numbers[_on_circle(place[: len(source)], place[len(source) :], len(numbers))]
    return found


def _on_circle(source: Numbers, target: Numbers, size: int) -> npt.NDArray[np.bool_]:
    """Of each number below `size`, whether it lies on a circle."""
    matrix = sparse.csr_array((np.ones(len(source)), (source, target)), shape=(size, size))
    _, label = csgraph.connected_components(matrix, directed=True, connection="strong")
    on_circle: npt.NDArray[np.bool_] = np.bincount(label, minlength=1)[label] > 1
    return on_circle
