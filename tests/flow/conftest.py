"""An operator of the test's own: its database, its namespace, the identity that ships."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.operators import Operator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from servicegraph.local.cluster import Cluster


@pytest.fixture
def stopped_operator(
    tmp_path: Path, database: str, control_plane: Cluster, namespace: str
) -> Iterator[Operator]:
    """An operator that watches the test's namespace and is not started yet."""
    operator = Operator(tmp_path, database, control_plane.operator_kubeconfig, namespaces=namespace)
    yield operator
    if operator.process is not None:
        operator.stop()


@pytest.fixture
def operator(stopped_operator: Operator) -> Operator:
    """The same, running and ready."""
    return stopped_operator.start()
