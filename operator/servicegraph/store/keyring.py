"""The API keys as this process knows them: all of them in memory, so that no request asks Postgres.

A connection of its own listens for changes and asks twice a second whether there were any, so a key that is revoked is
refused everywhere within a second even where a notification is lost. A key that was made just now may be asked for before
that: an id that is not known lets Postgres be asked anew, and one question answers all who ask at the same time, however many
they are.

While Postgres is away, the keys that are known go on opening what they opened, so that those who read in an outage can read.
What was revoked elsewhere in the meantime is not known then, and `problem` says since when. Nobody is told that a key does
not exist before Postgres could be asked.

`cli.run` starts it and hands it to the HTTP server as `model.ports.KeyRing`.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from servicegraph import log
from servicegraph.errors import ServicegraphError, StoreUnavailable
from servicegraph.store import keys
from servicegraph.store.engine import dedicated
from servicegraph.store.failures import told_apart

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg
    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.clock import Clock
    from servicegraph.model.apikey import ApiKey

    Connection = asyncpg.Connection[asyncpg.Record]

_log = log.get(__name__)

POLL_SECONDS = 0.5
"""How often it is asked for changes where no notification comes; with the answer's way it stays below a second."""

GAP_SECONDS = 0.05
"""Between two questions, whoever wants to know: so many unknown keys cannot become many queries."""

PATIENCE_SECONDS = 2.0
"""How long one answer may take, and how long a request waits for it."""

USES_SECONDS = 10.0
"""How often it is stored which keys were used."""

FAREWELL_SECONDS = 0.5
"""How long the end of the process waits for that."""

STALE_SECONDS = 3.0
"""From when on the silence of Postgres is worth telling."""

_MARK = """
SELECT coalesce(sum(hash_record_extended(
    (id, name, sha256, scope, query_limit, ingestion_limit, created_at, expires_at, revoked_at), 0)), 0)::text
FROM api_keys
"""
"""Differs when the keys do, whoever changed them and however; when they were last used does not count."""


class KeyRing:
    """Keeps all keys.

    Args:
        engine: the pool of connections; one more is opened beside it to listen.
        clock: tells when keys are used, and how old our knowledge is.
    """

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._keys: dict[str, ApiKey] = {}
        self._mark: str | None = None
        self._confirmed_at = clock.monotonic()
        self._problem: str | None = None
        self._wake = asyncio.Event()
        self._waiting: asyncio.Future[None] | None = None
        self._uses: dict[str, datetime] = {}
        self._uses_due = clock.monotonic() + USES_SECONDS

    def known(self, key_id: str, /) -> ApiKey | None:
        """The key of that id as far as this process knows, revoked and expired ones too."""
        return self._keys.get(key_id)

    async def look_up(self, key_id: str, /) -> ApiKey | None:
        """The same after asking Postgres anew.

        Raises:
            StoreUnavailable: it cannot be asked now.
        """
        if self._problem is None:
            if self._waiting is None:
                self._waiting = asyncio.get_running_loop().create_future()
            self._wake.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await asyncio.shield(self._waiting)
                    if self._problem is None:
                        return self._keys.get(key_id)
        raise StoreUnavailable("it cannot be told now whether there is such a key: Postgres does not answer")

    def used(self, key: ApiKey, /) -> None:
        """Remember that `key` opened something now; it is stored with others, some seconds later."""
        self._uses[key.id] = self._clock.now()

    def problem(self) -> str | None:
        """Why keys may have changed without our knowing, and since when; None while all is well."""
        silent = self._clock.monotonic() - self._confirmed_at
        if self._problem is None and silent <= STALE_SECONDS:
            return None
        why = self._problem or "Postgres does not answer"
        return f"{why}; what became of keys in the last {silent:.0f} s is not known here"

    async def run(self) -> None:
        """Follow Postgres until cancelled; outages are waited out, and so are faults of our own."""
        while True:
            try:
                await self._follow()
            except ServicegraphError as error:
                self._note(error.message)
            except Exception as error:  # noqa: BLE001 - a fault of our own must not lock everybody out
                _log.exception("keys.fault")
                self._note(f"servicegraph failed on reading the keys: {error}"[:500])
            self._answer_all()
            await asyncio.sleep(POLL_SECONDS)

    async def flush(self) -> None:
        """Store which keys were used since the last time, at the end of the process; it does not wait for long."""
        if self._uses and self.problem() is None:
            with contextlib.suppress(ServicegraphError, TimeoutError):
                async with asyncio.timeout(FAREWELL_SECONDS), dedicated(self._engine) as conn:
                    await self._write_uses(conn)

    async def _follow(self) -> None:
        """Ask at every notification, at every unknown key and twice a second.

        Raises:
            StoreUnavailable: Postgres is away, or has closed the connection that listens.
        """
        async with dedicated(self._engine) as listening:
            listening.add_termination_listener(self._notified)
            await listening.add_listener(keys.CHANNEL, self._notified)
            while not listening.is_closed():
                self._wake.clear()
                await self._ask(listening)
                if self._clock.monotonic() >= self._uses_due:
                    await self._write_uses(listening)
                await asyncio.sleep(GAP_SECONDS)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS):
                        await self._wake.wait()
        raise StoreUnavailable("Postgres has closed the connection")

    async def _ask(self, conn: Connection) -> None:
        """Take over the keys if they have changed, and answer those who asked before this began."""
        asked_at = self._clock.monotonic()
        answered, self._waiting = self._waiting, None
        try:
            with told_apart():
                async with asyncio.timeout(PATIENCE_SECONDS):
                    mark: str = await conn.fetchval(_MARK)
                    if mark != self._mark:
                        # Read after the mark: a change in between makes the next mark differ.
                        self._keys = {key.id: key for key in await keys.read_all(conn)}
                        self._mark = mark
            self._confirmed_at = asked_at
            self._note(None)
        except ServicegraphError as error:
            self._note(error.message)
            raise
        finally:
            if answered is not None:
                answered.set_result(None)

    async def _write_uses(self, conn: Connection) -> None:
        """Store which keys were used since the last time; what cannot be stored is kept for the next."""
        uses, self._uses = self._uses, {}
        self._uses_due = self._clock.monotonic() + USES_SECONDS
        try:
            if uses:
                with told_apart():
                    async with asyncio.timeout(PATIENCE_SECONDS):
                        await keys.write_uses(conn, uses)
        except BaseException:
            self._uses = uses | self._uses
            raise

    def _answer_all(self) -> None:
        """Let nobody wait for an answer that will not come soon."""
        if self._waiting is not None:
            self._waiting.set_result(None)
            self._waiting = None

    def _notified(self, *_: object) -> None:
        self._wake.set()

    def _note(self, problem: str | None) -> None:
        """Log the beginning and the end of an outage, not each attempt."""
        if problem and not self._problem:
            _log.warning("keys.not_current", problem=problem)
        elif self._problem and not problem:
            _log.info("keys.current_again")
        self._problem = problem
