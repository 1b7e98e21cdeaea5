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
    """The numbers that lie on a circle of two or more, ascending, in time linear in the pairs but for sorting them.

    Args:
        source: where each pair begins; any numbers, any order, pairs may repeat.
        target: where each pair ends.
    """
    numbers, place = np.unique(np.concatenate((source, target)), return_inverse=True)
    ends = (place[: len(source)], place[len(source) :])
    matrix = sparse.csr_array((np.ones(len(source)), ends), shape=(len(numbers), len(numbers)))
    _, label = csgraph.connected_components(matrix, directed=True, connection="strong")
    on_circle: npt.NDArray[np.bool_] = np.bincount(label, minlength=1)[label] > 1
    found: Numbers = numbers[on_circle]
    return found
