"""The raw material of a snapshot: nodes, providers and the columns of all observations.

`store.snapshot` fills these from Postgres; `graph.snapshot.build` turns them into a graph. Arrays are read-only, one entry an
observation, and refer to nodes, providers and protocols by position.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from datetime import datetime

    import numpy.typing as npt

    from servicegraph.model.ids import Kind, ServiceKey

NEVER = np.iinfo(np.int64).min
"""The `last_seen` of an observation that is still present."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Which graph this is: versions are comparable only within one timeline of one database system."""

    system: str
    timeline: int
    version: int
    as_of: datetime
    """When the version was committed."""

    @property
    def history(self) -> tuple[str, int]:
        """What must be equal for two versions to be comparable."""
        return self.system, self.timeline


class ObjectName(NamedTuple):
    """Which ServiceDependency it is, as people name it."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


NO_OBJECT = ObjectName("", "")
"""Whose word it is where no object says it."""


@dataclass(frozen=True, slots=True)
class Provider:
    """Who says that edges exist. Of one `group` only the best observation of an edge counts."""

    name: str
    group: str
    sees: frozenset[Kind] = frozenset()
    """Kinds of targets whose calls a source of telemetry can show; empty for who declares."""


class Node(NamedTuple):
    """A service and what is said about it, the best statement for each field."""

    key: ServiceKey
    technology: str | None = None
    team: str | None = None
    criticality: str | None = None
    target: str | None = None
    labels: tuple[tuple[str, str], ...] = ()
    stated: bool = False
    """Whether an object or an api record is about it; else it is `discovered`."""


@dataclass(frozen=True, slots=True)
class ObservationColumns:
    """All observations, column by column."""

    source: npt.NDArray[np.int32]
    target: npt.NDArray[np.int32]
    provider: npt.NDArray[np.int16]
    rank: npt.NDArray[np.int32]
    """Precedence of the object it comes from: 0 is the oldest (creation time, namespace, name, uid)."""
    evidence: npt.NDArray[np.int8]
    mode: npt.NDArray[np.int8]
    requirement: npt.NDArray[np.int8]
    flags: npt.NDArray[np.uint8]
    protocol: npt.NDArray[np.int32]
    """Position in the list of protocols; 0 is the empty one."""
    first_seen: npt.NDArray[np.int64]
    """Microseconds since the Unix epoch."""
    last_seen: npt.NDArray[np.int64]
    """The same, `NEVER` while present."""

    def __len__(self) -> int:
        return len(self.source)
