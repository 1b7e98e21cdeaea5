"""How a source is reached, and how much it may take: everything about asking that the graph need not know.

Made by `sources`, used by `ask`. It holds passwords, so it is never printed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from servicegraph.discovery.presets import Labels

MOST_BYTES = 64 * 1024 * 1024
"""Bytes of one answer."""
MOST_SERIES = 200_000
"""Series of one answer."""
MOST_AT_ONCE = 4 * 1024 * 1024
"""Bytes of one text within an answer: it is held whole until its end is found."""


class SecretPlace(NamedTuple):
    """A value within a Secret of the operator's own namespace."""

    name: str
    key: str


@dataclass(frozen=True, slots=True)
class Access:
    """How one source is asked."""

    url: str
    """Up to what comes before /api/v1/query."""
    volume: str = ""
    """The PromQL for volume; empty where it is not to be known. That for presence is the source's own."""
    labels: Labels = field(default_factory=Labels)
    timeout: float = 30.0
    """Seconds for one answer; a poll asks for up to two."""
    bearer: str = field(default="", repr=False)
    basic: str = field(default="", repr=False)
    """`user:password`."""
    authority: str = field(default="", repr=False)
    """Certificates (PEM) that the server's is held to; empty trusts what the system trusts."""
    tenant: str = ""
    most_bytes: int = MOST_BYTES
    most_series: int = MOST_SERIES
