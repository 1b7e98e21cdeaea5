"""Token buckets: how many requests a minute somebody may make, without a background task and with one number each.

A bucket holds one minute's worth, is full at first use and refills evenly. Instead of tokens it keeps the moment at which it
would be full again: what is missing then is the time until that moment, and each request moves it on by the time that one
token takes to come back. (This is the generic cell rate algorithm of ITU-T I.371, the virtual scheduling form, with a minute
as its tolerance.) A bucket that is full needs not be kept at all. All numbers are whole microseconds, so that here and in
Valkey the same comes out.

`limits` decides whose bucket it is, `shared` does the same arithmetic in Valkey.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from servicegraph.clock import Clock

_SECOND = 1_000_000
_MINUTE = 60 * _SECOND

ROOM = 20_000
"""Buckets that are kept; beyond that, those that were not used for the longest are full again."""


class Rate:
    """How fast a bucket of `limit` requests a minute refills."""

    __slots__ = ("limit", "said", "token", "whole")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.token = max(1, round(_MINUTE / limit))
        """Microseconds in which one token comes back."""
        self.whole = self.token * limit
        """Microseconds in which an empty bucket becomes full."""
        self.said = str(limit)


@lru_cache(maxsize=1024)
def rate(limit: int) -> Rate:
    """The rate of `limit` requests a minute; there are few, and each request needs one."""
    return Rate(limit)


class Verdict(NamedTuple):
    """Whether a request may go on, and what to tell its sender."""

    allowed: bool
    limit: int
    """Requests a minute."""
    missing: int
    """Microseconds until the bucket is full."""

    @property
    def remaining(self) -> int:
        """Requests that may be made at once."""
        speed = rate(self.limit)
        return max(0, speed.whole - self.missing) // speed.token

    @property
    def retry_after(self) -> int:
        """Whole seconds after which one more request may be made."""
        speed = rate(self.limit)
        return max(1, _seconds(self.missing + speed.token - speed.whole))

    def tell(self, headers: MutableMapping[str, str]) -> None:
        """Add the `RateLimit-*` headers (IETF draft-ietf-httpapi-ratelimit-headers-06)."""
        headers["RateLimit-Limit"] = rate(self.limit).said
        headers["RateLimit-Remaining"] = str(self.remaining)
        headers["RateLimit-Reset"] = str(_seconds(self.missing))


class LocalBuckets:
    """Buckets in the memory of this process, at most `room` of them."""

    def __init__(self, clock: Clock, room: int = ROOM) -> None:
        self._clock = clock
        self._room = room
        self._full_at: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        """How many buckets are kept."""
        return len(self._full_at)

    def take(self, name: str, limit: int) -> Verdict:
        """Take a token out of the bucket called `name`, if there is one."""
        now, speed = int(self._clock.monotonic() * _SECOND), rate(limit)
        missing = self._full_at.get(name, 0) - now
        missing = max(missing, 0)
        allowed = missing + speed.token <= speed.whole
        if allowed:
            missing += speed.token
            self._keep(name, now + missing)
        return Verdict(allowed, limit, missing)

    def adopt(self, name: str, missing: int) -> None:
        """Let the bucket be full in `missing` microseconds, as somebody else has counted."""
        self._keep(name, int(self._clock.monotonic() * _SECOND) + missing)

    def _keep(self, name: str, full_at: int) -> None:
        self._full_at[name] = full_at
        self._full_at.move_to_end(name)
        if len(self._full_at) > self._room:
            self._full_at.popitem(last=False)


def _seconds(microseconds: int) -> int:
    """Whole seconds, rounded up."""
    return -(-microseconds // _SECOND)
