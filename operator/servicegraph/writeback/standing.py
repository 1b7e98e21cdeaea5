"""How an object stands with us: stored, refused, or waiting; what `reconcile.run` notes and `desired` reads."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stored:
    """A generation of the object is in the graph."""

    generation: int
    version: int
    """The version of the graph that was current once this generation was stored."""


@dataclass(frozen=True, slots=True)
class Stalled:
    """A generation of the object cannot be accepted; what the last good one said stays."""

    generation: int
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The newest generation is not stored yet, and why."""

    reason: str
    message: str


Standing = Stored | Stalled | Waiting
"""How an object stands with us."""
