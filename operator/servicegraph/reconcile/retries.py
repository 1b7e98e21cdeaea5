"""Objects that the store refused, tried again with a capped back-off.

What refuses an object may be mended without touching it (a migration, a fixed bug), so it is tried again by itself: after
half a minute, then ever more rarely, at least every half hour. A changed object is reconciled at once in any case.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from servicegraph import log
from servicegraph.errors import ServicegraphError
from servicegraph.reconcile.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_log = log.get(__name__)

FIRST_SECONDS = 30.0
CAP_SECONDS = 1800.0


class Retries:
    """Calls `fetch(uid)`, which reads a refused object anew, when its time has come."""

    def __init__(self, fetch: Callable[[str], Awaitable[None]], *, first: float = FIRST_SECONDS) -> None:
        self._fetch = fetch
        self._first = first
        self._backoffs: dict[str, Backoff] = {}
        self._waiting: dict[str, asyncio.Task[None]] = {}

    def later(self, uid: str, again: Callable[[], Awaitable[None]] | None = None) -> None:
        """Try the object again after its next back-off: by `again`, else by fetching it."""
        if uid not in self._waiting:
            pause = self._backoffs.setdefault(uid, Backoff(self._first, CAP_SECONDS)).next()
            self._waiting[uid] = asyncio.create_task(
                self._after(pause, uid, again or partial(self._fetch, uid))
            )

    def forget(self, uid: str) -> None:
        """The object was stored, or is gone: no more retries."""
        self._backoffs.pop(uid, None)
        waiting = self._waiting.pop(uid, None)
        if waiting is not None:
            waiting.cancel()

    def stop(self) -> None:
        """Try nothing again: the process ends."""
        for uid in list(self._waiting):
            self.forget(uid)

    async def _after(self, pause: float, uid: str, again: Callable[[], Awaitable[None]]) -> None:
        await asyncio.sleep(pause)
        # Out of the list first: what `again` sets going may well be refused again.
        del self._waiting[uid]
        try:
            await again()
        except ServicegraphError as error:
            _log.info("retries.not_now", uid=uid, error=error.message)
            self.later(uid, again)
        except Exception:  # noqa: BLE001 - a fault of our own may be mended by what comes in between, as a refusal
            _log.exception("retries.fault", uid=uid)
            self.later(uid, again)
