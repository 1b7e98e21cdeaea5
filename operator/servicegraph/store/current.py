"""The graph that this process serves: the newest snapshot it could read, replaced whenever the version moves.

It listens for NOTIFY and asks for the version once a second in case a notification is lost. While Postgres is away the last
snapshot keeps answering and says that it may be stale; there is never an empty graph for want of a full one. Within one history
of the database (system, timeline) a lower version is never put in the place of a higher one.

`cli.run` starts it and hands it to the HTTP server (as `model.ports.GraphReader`) and to the write-back, which is woken by
`subscribe`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from itertools import product
from typing import TYPE_CHECKING

from servicegraph import log, metrics
from servicegraph.errors import ServicegraphError, StoreUnavailable
from servicegraph.model.alert import AlertState, Severity
from servicegraph.model.ports import Freshness
from servicegraph.store import migrate
from servicegraph.store.engine import dedicated
from servicegraph.store.snapshot import load, read_mark
from servicegraph.store.write import CHANNEL

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.clock import Clock
    from servicegraph.graph.columns import Mark
    from servicegraph.graph.snapshot import Snapshot

_log = log.get(__name__)

POLL_SECONDS = 1.0
"""How often the version is asked for where no notification comes."""

SHARE = 4
"""A load is followed by no other until this many times its own length have passed since it began."""

STALE_SECONDS = 3.0
"""How long a snapshot may go without being known to be current, beside what `SHARE` costs."""

BACKOFF_SECONDS = (0.1, 2.0)
"""Between two attempts while Postgres is away: at first, and at most."""


class CurrentSnapshot:
    """Keeps the newest snapshot.

    Args:
        engine: the pool of connections; one more is opened beside it to listen.
        clock: measures ages.
    """

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._snapshot: Snapshot | None = None
        self._confirmed_at = clock.monotonic()
        self._load_seconds = 0.0
        self._rest_until = clock.monotonic()
        self._schema_seen = False
        self._problem: str | None = None
        self._wake = asyncio.Event()
        self._installed = asyncio.Condition()
        self._callbacks: list[Callable[[Snapshot], object]] = []

    def current(self) -> Snapshot | None:
        """The newest snapshot; None until the first is loaded."""
        return self._snapshot

    def freshness(self) -> Freshness:
        """Whether the snapshot may lag behind Postgres, and for how long it was not known to be current."""
        age = max(0.0, self._clock.monotonic() - self._confirmed_at)
        patience = STALE_SECONDS + SHARE * self._load_seconds
        return Freshness(stale=self._snapshot is None or self._problem is not None or age > patience, age=age)

    def problem(self) -> str | None:
        """What keeps the snapshot from following Postgres now, in words; None while all is well."""
        if self._problem is None and self._snapshot is not None and self.freshness().stale:
            return "Postgres does not answer"
        return self._problem

    def subscribe(self, callback: Callable[[Snapshot], object]) -> None:
        """Have `callback` called with each new snapshot; it must be quick and not raise."""
        self._callbacks.append(callback)

    async def wait_for(self, version: int) -> Snapshot:
        """Wait until a snapshot of `version` or a later one is here."""
        async with self._installed:
            await self._installed.wait_for(lambda: self._version >= version)
        assert self._snapshot is not None
        return self._snapshot

    async def run(self) -> None:
        """Follow Postgres until cancelled; outages are waited out, and so are faults of our own: the last graph stays."""
        metrics.snapshot_age_seconds.set_function(lambda: self.freshness().age)
        pause, longest = BACKOFF_SECONDS
        while True:
            try:
                await self._follow()
            except ServicegraphError as error:
                pause = min(2 * pause, longest) if self._problem else BACKOFF_SECONDS[0]
                self._note(error.message)
            except Exception as error:  # noqa: BLE001 - a fault of our own must not end the answers, only their freshness
                _log.exception("snapshot.fault")
                self._note(f"servicegraph failed on loading the graph: {error}"[:500])
            self._wake.clear()
            await self._rest(pause)

    async def _follow(self) -> None:
        """Refresh at every notification and every second.

        Raises:
            StoreUnavailable: Postgres is away, or has closed the connection that listens.
            SchemaMissing: this version cannot work with the database.
        """
        if not self._schema_seen:
            await migrate.check(self._engine)
            self._schema_seen = True
        async with dedicated(self._engine) as listening:
            listening.add_termination_listener(self._notified)
            await listening.add_listener(CHANNEL, self._notified)
            while not listening.is_closed():
                self._wake.clear()
                await self._refresh()
                self._note(None)
                await self._rest(POLL_SECONDS)
        raise StoreUnavailable("Postgres has closed the connection")

    async def _refresh(self) -> None:
        """Load a snapshot if Postgres holds another graph than this process."""
        asked_at = self._clock.monotonic()
        mark = await read_mark(self._engine)
        if self._follows(mark):
            await asyncio.sleep(max(0.0, self._rest_until - self._clock.monotonic()))
            await self._load()
        elif mark.version == self._version:
            self._confirmed_at = asked_at
        else:
            raise StoreUnavailable(
                f"Postgres has gone back from version {self._version} to {mark.version}; restart to accept that"
            )

    async def _load(self) -> None:
        began_at = self._clock.monotonic()
        snapshot = await load(self._engine)
        self._load_seconds = self._clock.monotonic() - began_at
        self._rest_until = began_at + SHARE * self._load_seconds
        metrics.snapshot_load_seconds.observe(self._load_seconds)
        if not self._follows(snapshot.mark):
            return
        self._snapshot = snapshot
        self._confirmed_at = began_at
        _measure(snapshot)
        _log.debug("snapshot.loaded", version=snapshot.mark.version, seconds=round(self._load_seconds, 4))
        for callback in self._callbacks:
            callback(snapshot)
        async with self._installed:
            self._installed.notify_all()

    def _follows(self, mark: Mark) -> bool:
        """Whether the graph of `mark` may take the place of the one that is here."""
        if self._snapshot is None or mark.history != self._snapshot.mark.history:
            return True
        return mark.version > self._snapshot.mark.version

    @property
    def _version(self) -> int:
        return -1 if self._snapshot is None else self._snapshot.mark.version

    def _notified(self, *_: object) -> None:
        self._wake.set()

    def _note(self, problem: str | None) -> None:
        """Log the beginning and the end of an outage, not each attempt."""
        if problem and not self._problem:
            _log.warning("snapshot.not_current", problem=problem)
        elif self._problem and not problem:
            _log.info("snapshot.current_again")
        self._problem = problem

    async def _rest(self, seconds: float) -> None:
        """Wait for a notification, `seconds` at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()


def _measure(snapshot: Snapshot) -> None:
    """Show in the metrics what this process serves; a state in which no alert is shows as 0."""
    metrics.graph_version.set(snapshot.mark.version)
    metrics.graph_nodes.set(len(snapshot.nodes))
    metrics.graph_edges.set(len(snapshot.edges))
    found = Counter((alert.state, alert.severity) for alert in snapshot.alerts)
    for state, severity in product(AlertState, Severity):
        metrics.cycle_alerts.labels(state, severity).set(found[state, severity])
