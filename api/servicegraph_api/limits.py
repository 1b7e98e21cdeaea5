"""Whose bucket a request draws from, and where the bucket is: with the other replicas' in Valkey, else in this process.

While Valkey is away each process goes on from what it knows of the buckets it has used, so that losing Valkey does not give
everybody a full bucket.
"""

from __future__ import annotations

from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING

from servicegraph import metrics
from servicegraph_api.buckets import LocalBuckets
from servicegraph_api.problems import Problem

if TYPE_CHECKING:
    from servicegraph.clock import Clock
    from servicegraph_api.buckets import Verdict
    from servicegraph_api.shared import SharedBuckets


class Kind(StrEnum):
    """What requests are counted as."""

    QUERY = "query"
    INGESTION = "ingestion"
    FAILURE = "failure"
    """A request without a good key; counted by address, in this process alone."""


FAILURES = 60
"""Requests without a good key, a minute and address."""


class Limits:
    """All buckets.

    Args:
        clock: refills the buckets of this process.
        shared: the buckets that all replicas share, where there are such.
    """

    def __init__(self, clock: Clock, shared: SharedBuckets | None = None) -> None:
        self._local = LocalBuckets(clock)
        self._failures = LocalBuckets(clock)
        self._shared = shared

    async def take(self, kind: Kind, who: str, limit: int) -> Verdict | None:
        """Count a request of `who`; what to tell about the limit, None where there is none.

        Raises:
            Problem: 429, there were too many.
        """
        if limit == 0:
            return None
        name = kind + ":" + who
        verdict = None if self._shared is None else await self._shared.take(name, limit)
        if verdict is None:
            verdict = self._local.take(name, limit)
        elif verdict.allowed:
            self._local.adopt(name, verdict.missing)
        if not verdict.allowed:
            raise _too_many(
                kind,
                verdict,
                f"the limit of {limit} requests a minute is used up; a key can be made with a higher one:"
                f" servicegraph api-keys create --{kind}-limit N",
            )
        return verdict

    def fail(self, address: str) -> None:
        """Count a request without a good key.

        Raises:
            Problem: 429, there were too many from this address.
        """
        verdict = self._failures.take(address, FAILURES)
        if not verdict.allowed:
            raise _too_many(
                Kind.FAILURE,
                verdict,
                "too many requests without a good key came from this address; mend the key first",
            )


def _too_many(kind: Kind, verdict: Verdict, why: str) -> Problem:
    metrics.rate_limited.labels(kind).inc()
    headers = {"Retry-After": str(verdict.retry_after)}
    verdict.tell(headers)
    return Problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        f"{why}; one more is possible in {verdict.retry_after} s",
        headers=headers,
    )
