"""What somebody sends over HTTP about services and edges, once it is understood, and what became of it.

The words of one key are those of one provider, `api:<name of the key>`: what a submission changes or takes away is that
provider's alone. `model.apirecord` reads it from a body; the HTTP server hands it on through `ports.Commit`, and
`ingest.submitted` stores it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from servicegraph.model.observation import Observation, Statement

API_GROUP = "api"
"""The evidence group of everything that is sent: several keys that say the same are one piece of evidence."""


class Intent(StrEnum):
    """What the records are meant to do to what the provider has said before."""

    MERGE = "merge"  # they count beside it, each in the place of an earlier one about the same
    REPLACE = "replace"  # they are all that it says from now on
    DELETE = "delete"  # it says these no more


def provider_of(key_name: str) -> str:
    """The provider whose words the records of a key are; no source of telemetry can be called so, for want of a colon."""
    return f"api:{key_name}"


@dataclass(frozen=True, slots=True)
class Submission:
    """What one request has brought: each service and each edge once."""

    provider: str
    intent: Intent
    statements: tuple[Statement, ...] = ()
    observations: tuple[Observation, ...] = ()
    max_removal: float = 1.0
    """The share of what the provider has said that `REPLACE` may take away, where that is much."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of records of one sort."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    """Said before in the same words."""
    removed: int = 0
    absent: int = 0
    """To be taken away, and never said or gone already."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a submission; once it is here, all of it is stored."""

    version: int
    """The graph version that holds it."""
    services: Counts
    dependencies: Counts
