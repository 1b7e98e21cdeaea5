"""What the HTTP server and the checks need from the world, as protocols, so that they know neither Postgres nor each other.

`store.current` implements `GraphReader`, `store.alerts` the `AlertHistory`, `store.keyring` the `KeyRing`, `ingest.submitting`
the `Commit`; `cli.run` wires them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.model.alert import TransitionRecord
    from servicegraph.model.apikey import ApiKey
    from servicegraph.model.submission import Receipt, Submission


@dataclass(frozen=True, slots=True)
class Freshness:
    """Whether the snapshot may lag behind Postgres."""

    stale: bool
    age: float
    """Seconds since the snapshot was last known to be current."""


class GraphReader(Protocol):
    """Reads the current graph."""

    def current(self) -> Snapshot | None:
        """The newest snapshot of this process; None until the first is loaded."""
        ...

    def freshness(self) -> Freshness:
        """How sure it is that the snapshot is current."""
        ...


class AlertHistory(Protocol):
    """Remembers what happened to alerts."""

    async def __call__(self, name: str, /) -> Sequence[TransitionRecord]:
        """Everything that happened to one alert, in the order in which it happened; empty where there is none of that name.

        Raises:
            StoreUnavailable: it cannot be asked now.
        """
        ...


class KeyRing(Protocol):
    """Knows the API keys."""

    def known(self, key_id: str, /) -> ApiKey | None:
        """The key of that id as far as this process knows, revoked and expired ones too; asks nobody."""
        ...

    async def look_up(self, key_id: str, /) -> ApiKey | None:
        """The same after asking anew, for an id that is not known: the key may have been made just now.

        Raises:
            StoreUnavailable: nobody can be asked now, so it cannot be said that there is no such key.
        """
        ...

    def used(self, key: ApiKey, /) -> None:
        """Remember that `key` opened something now; quick, as it is called for every request."""
        ...


class Commit(Protocol):
    """Stores what is sent."""

    async def __call__(self, submission: Submission, /) -> Receipt:
        """Store all of it, or nothing; what it tells is durable, and soon in the graph that this process reads.

        Raises:
            StoreUnavailable: it cannot be stored now, or it is not known whether it is. To send it again is safe.
            RemovalRefused: it would take away too much at once.
            StoreRefused: a value cannot be stored.
        """
        ...


class Health(Protocol):
    """Reports on the parts of this process."""

    def alive(self) -> bool:
        """False when only a restart of the process can help."""
        ...

    def degraded(self) -> dict[str, str]:
        """What does not work now: the part, and what is wrong in words."""
        ...
