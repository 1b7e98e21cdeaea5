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
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servicegraph.clock import Clock

_SECOND = 1_000_000
_MINUTE = 60 * _SECOND

ROOM = 20_000
"""Buckets that are kept; beyond that, those that were not used for the longest are full again."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast a bucket of `limit` requests a minute refills."""

    limit: int

    @property
    def token(self) -> int:
        """Microseconds in which one token comes back."""
        return max(1, round(_MINUTE / self.limit))

    @property
    def whole(self) -> int:
        """Microseconds in which an empty bucket becomes full."""
        return self.token * self.limit


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request may go on, and what to tell its sender."""

    allowed: bool
    limit: int
    """Requests a minute."""
    missing: int
    """Microseconds until the bucket is full."""

    @property
    def remaining(self) -> int:
        """Requests that may be made at once."""
        rate = Rate(self.limit)
        return max(0, rate.whole - self.missing) // rate.token

    @property
    def retry_after(self) -> int:
        """Whole seconds after which one more request may be made."""
        rate = Rate(self.limit)
        return max(1, _seconds(self.missing + rate.token - rate.whole))

    @property
    def headers(self) -> Mapping[str, str]:
        """The `RateLimit-*` headers (IETF draft-ietf-httpapi-ratelimit-headers-06)."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(_seconds(self.missing)),
            "RateLimit-Policy": f"{self.limit};w=60",
        }


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
        now, rate = self._now(), Rate(limit)
        missing = max(0, self._full_at.get(name, 0) - now)
        allowed = missing + rate.token <= rate.whole
        if allowed:
            missing += rate.token
            self._keep(name, now + missing)
        return Verdict(allowed, limit, missing)

    def adopt(self, name: str, missing: int) -> None:
        """Let the bucket be full in `missing` microseconds, as somebody else has counted."""
        self._keep(name, self._now() + missing)

    def _keep(self, name: str, full_at: int) -> None:
        self._full_at[name] = full_at
        self._full_at.move_to_end(name)
        if len(self._full_at) > self._room:
            self._full_at.popitem(last=False)

    def _now(self) -> int:
        return int(self._clock.monotonic() * _SECOND)


def _seconds(microseconds: int) -> int:
    """Whole seconds, rounded up."""
    return -(-microseconds // _SECOND)
