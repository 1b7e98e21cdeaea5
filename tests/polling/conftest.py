"""A backend of the test's own, and a loop that polls it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from polling.loop import Loop, running
from polling.shop import Shop, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from servicegraph.local.cluster import Cluster
    from servicegraph.local.kubectl import Kubectl


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """A server that is asked."""
    async with opened() as one:
        yield one


@pytest.fixture
def name(kubectl: Kubectl) -> Iterator[str]:
    """The name of a source of the test's own, for those lie in no namespace; deleted afterwards."""
    chosen = f"otel-{secrets.token_hex(4)}"
    yield chosen
    kubectl("delete", "discoverysource", chosen, "--ignore-not-found")


@pytest.fixture
def operator_kubeconfig(control_plane: Cluster) -> Path:
    """The identity that ships."""
    return control_plane.operator_kubeconfig


@pytest.fixture
async def loop(
    database: str, operator_kubeconfig: Path, kubectl: Kubectl, namespace: str
) -> AsyncIterator[Loop]:
    """A loop in the test's namespace that knows of no source yet."""
    async with running(database, operator_kubeconfig, kubectl, namespace) as one:
        yield one
