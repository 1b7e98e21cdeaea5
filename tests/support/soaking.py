"""How long a soak test goes on, and what replays it: `make soak MINUTES=…`, `SOAK_SEED=…`."""

from __future__ import annotations

import os
import secrets
import time

from support.operators import eventually


def minutes() -> float:
    """For how long each soak test is to go on."""
    return float(os.environ.get("SOAK_MINUTES", "5"))  # noqa: TID251 - of a test run, not of the product


def seed() -> int:
    """Where chance begins: the one that is to be replayed, else a new one; a test prints it."""
    return int(os.environ.get("SOAK_SEED", secrets.randbits(32)))  # noqa: TID251 - of a test run, not of the product


def go_on_for(seconds: float) -> None:
    """Let an outage last."""
    until = time.monotonic() + seconds
    eventually(lambda: time.monotonic() > until, "time passes", seconds + 60)
