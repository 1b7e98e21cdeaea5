"""Buckets in Valkey or Redis, so that all replicas count together; one atomic script, one round trip.

It is never waited for long: an answer that does not come within `PATIENCE_SECONDS` means that it is away, and from then on
nobody asks until a task in the background has had an answer again. Meanwhile `limits` counts in this process. Time is the
server's, as the clocks of replicas may differ.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from servicegraph import log, metrics
from servicegraph.errors import SettingsError
from servicegraph_api.buckets import Verdict, rate

if TYPE_CHECKING:
    from servicegraph.clock import Clock

_log = log.get(__name__)

PATIENCE_SECONDS = 0.2
"""How long one answer may take: hundreds of times what it takes."""

CONNECTIONS = 16
"""Connections at most; each answers thousands of requests a second."""

PAUSE_SECONDS = 0.5
"""Between two attempts to reach a server that is away."""

_SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local token, whole = tonumber(ARGV[1]), tonumber(ARGV[2])
local missing = math.max(0, (tonumber(redis.call('GET', KEYS[1])) or 0) - now)
if missing + token > whole then
  return {0, missing}
end
missing = missing + token
redis.call('SET', KEYS[1], string.format('%.0f', now + missing), 'PX', math.ceil(missing / 1000))
return {1, missing}
"""
"""`LocalBuckets.take` in Lua; a double holds microseconds since 1970 exactly until the year 2255."""


class SharedBuckets:
    """Buckets on the server at `url`; their names there begin with `prefix`.

    Raises:
        SettingsError: `url` is none of a Valkey or Redis.
    """

    def __init__(self, url: str, prefix: str, clock: Clock) -> None:
        self._clock = clock
        self._prefix = prefix
        self._redis = Redis.from_pool(_pool(url))
        self._script = self._redis.register_script(_SCRIPT)
        self._away_since: float | None = None
        self._returning: asyncio.Task[None] | None = None
        metrics.limits_shared.set(1)

    async def take(self, name: str, limit: int) -> Verdict | None:
        """Take a token out of the bucket called `name`, if there is one; None while the server is away."""
        if self._away_since is not None:
            return None
        speed = rate(limit)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                allowed, missing = await self._script(
                    keys=[self._prefix + name], args=[speed.token, speed.whole]
                )
        except (RedisError, OSError, TimeoutError) as error:
            self._give_up(error)
            return None
        return Verdict(bool(allowed), limit, int(missing))

    def problem(self) -> str | None:
        """Why nobody is asked now, and since when; None while all is well."""
        if self._away_since is None:
            return None
        seconds = self._clock.monotonic() - self._away_since
        return f"REDIS_URL has not answered for {seconds:.0f} s; each process counts rate limits by itself"

    async def close(self) -> None:
        """Close all connections."""
        if self._returning is not None:
            self._returning.cancel()
            await asyncio.wait([self._returning])
        with contextlib.suppress(RedisError, OSError):
            await self._redis.aclose()

    def _give_up(self, error: Exception) -> None:
        """Ask no more until it answers again; many requests may notice at once."""
        if self._away_since is None:
            self._away_since = self._clock.monotonic()
            metrics.limits_shared.set(0)
            _log.warning("limits.not_shared", problem=f"{type(error).__name__}: {error}"[:200])
            self._returning = asyncio.create_task(self._return())

    async def _return(self) -> None:
        """Wait until the server answers, then let it be asked again."""
        while True:
            await asyncio.sleep(PAUSE_SECONDS)
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await self._script(keys=[f"{self._prefix}probe"], args=[1, 1])
                break
        self._away_since = None
        metrics.limits_shared.set(1)
        _log.info("limits.shared_again")


def _pool(url: str) -> BlockingConnectionPool:
    """Connections that wait for nothing longer than a request may, and try nothing twice."""
    if urlsplit(url).scheme not in {"redis", "rediss", "unix"}:
        raise SettingsError(
            "REDIS_URL must look like redis://user:password@host:port/0, or rediss:// for TLS"
        )
    try:
        return BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=PATIENCE_SECONDS,
            socket_timeout=PATIENCE_SECONDS,
            socket_connect_timeout=PATIENCE_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError as error:
        raise SettingsError(f"REDIS_URL cannot be used: {error}") from error
