"""What goes into the one transaction, and what comes out.

A batch holds objects now; polls of telemetry and records of the API will stand beside them. Made by `reconcile.run`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from servicegraph.model.observation import DeclaredObject, RemovedObject, StalledObject


@dataclass(frozen=True, slots=True)
class Batch:
    """What was heard about objects, each object once; the order does not matter."""

    objects: Sequence[DeclaredObject] = ()
    stalled: Sequence[StalledObject] = ()
    removed: Sequence[RemovedObject] = ()


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit came to."""

    version: int
    """The current graph version."""
    changed: bool
    """Whether this commit made it."""
    stored: Mapping[str, int] = field(default_factory=dict)
    """By uid of each declared object of the batch: the version current once its generation was stored."""
