"""Kopf in its own thread and loop, started anew whenever it ends or goes deaf.

Kopf cancels every task of the loop it runs in, takes the signals of the main thread, and ends on some answers of the API
server. So each round of watching gets a thread, a loop and a registry of its own, and is stopped by its flag alone. `cli.run`
runs the `Watch`; `reconcile.resync` asks for a restart when it is deaf.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import kopf

from servicegraph import log, metrics
from servicegraph.clock import pause
from servicegraph.controllers import cyclealert, discoverysource, servicedependency

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from servicegraph.kube.client import Credentials
    from servicegraph.reconcile.health import HealthBoard

    Deliver = Callable[[dict[str, Any], str | None], None]

_log = log.get(__name__)

STOP_SECONDS = 3.0
"""How long a stopped round may take; after that its thread is left to die with the process.

Kopf sees requests under way to their end for five seconds, which nobody needs: it only reads.
"""
_LOGIN_MINUTES = 10
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 15.0
"""Seconds before the next round or login: the more have failed one after another, the longer."""
_FIRST_PAUSE_OF_KOPF, _LONGEST_PAUSE_OF_KOPF = 0.5, 30.0


@dataclass(frozen=True, slots=True)
class Others:
    """Who hears of the kinds that lie in no namespace."""

    alert: Deliver
    """Of CycleAlert objects."""
    source: Deliver
    """Of DiscoverySource objects."""


class Watch:
    """Delivers every event of ServiceDependency objects to `deliver(body, type)`, of the other kinds to theirs of `others`.

    All are called in the loop that runs the watch, and so is `may_have_missed()`: when a new round begins, and when the API
    server does not answer, for what is deleted meanwhile is never told. Then `kubernetes` is reported as unwell, until
    something is delivered or a comparison has had its list.

    Setting the event `restart` ends the present round; the next one lists everything anew.
    """

    def __init__(
        self,
        credentials: Callable[[], Credentials],
        deliver: Deliver,
        others: Others,
        restart: asyncio.Event,
        health: HealthBoard,
        may_have_missed: Callable[[], None],
        namespaces: tuple[str, ...] = (),
    ) -> None:
        self._credentials = credentials
        self._deliver = deliver
        self._others = others
        self._health = health
        self._may_have_missed = may_have_missed
        self._namespaces = namespaces
        self._restart = restart
        self._round = 0
        self._failures = 0
        self._logins = 0
        """How many there were since the watch last delivered something: what is refused would be asked for at once again."""

    async def run(self, stop: asyncio.Event) -> None:
        """Watch, round after round, until `stop` is set."""
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                if await self._one_round(stopping):
                    continue
                self._failures += 1
                seconds = pause(self._failures - 1, _FIRST_PAUSE, _LONGEST_PAUSE)
                await asyncio.wait({stopping}, timeout=seconds)
        finally:
            stopping.cancel()

    async def _one_round(self, stopping: asyncio.Task[Any]) -> bool:
        """Run Kopf once; True when it ended because it was told to."""
        self._round += 1
        if self._round > 1:
            self._may_have_missed()
        self._restart.clear()
        loop = asyncio.get_running_loop()
        flag = threading.Event()
        ended = asyncio.Event()
        thread = threading.Thread(
            target=self._in_thread,
            args=(self._round, flag, loop, ended),
            name=f"kopf-{self._round}",
            daemon=True,
        )
        thread.start()
        waiting = {asyncio.create_task(ended.wait()), asyncio.create_task(self._restart.wait())}
        await asyncio.wait({*waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        told = not ended.is_set()
        flag.set()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await ended.wait()
        except TimeoutError:
            _log.warning("watch.left_behind", seconds=STOP_SECONDS)
        for task in waiting:
            task.cancel()
        if not stopping.done():
            metrics.watch_restarts.labels("asked" if told else "ended").inc()
        return told

    def _in_thread(
        self, number: int, flag: threading.Event, loop: asyncio.AbstractEventLoop, ended: asyncio.Event
    ) -> None:
        def over(deliver: Deliver) -> Deliver:
            """The same, called in the loop that runs the watch."""

            def heard(body: dict[str, Any], kind: str | None) -> None:
                loop.call_soon_threadsafe(self._hand_over, number, deliver, _lean(body), kind)

            return heard

        def unanswered() -> None:
            loop.call_soon_threadsafe(self._lose, number, "the API server does not answer the watch")

        try:
            asyncio.run(self._watch(over, unanswered, flag))
        except Exception as error:  # noqa: BLE001 - whatever ends Kopf, the next round must come
            trouble = f"{type(error).__name__}: {error}"[:500]
            _log.warning("watch.failed", error=trouble)
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._lose, number, f"the watch has ended: {trouble}")
        if not loop.is_closed():
            loop.call_soon_threadsafe(ended.set)

    def _hand_over(self, number: int, deliver: Deliver, body: dict[str, Any], kind: str | None) -> None:
        # A round that was left behind may still speak; what it says is older than what the present one lists.
        if number == self._round:
            self._failures = 0
            self._logins = 0
            self._health.clear("kubernetes")
            deliver(body, kind)

    def _lose(self, number: int, trouble: str) -> None:
        """The round with this number is cut off from the API server."""
        if number == self._round:
            self._health.report("kubernetes", trouble)
            self._may_have_missed()

    async def _watch(
        self, over: Callable[[Deliver], Deliver], unanswered: Callable[[], None], flag: threading.Event
    ) -> None:
        registry = kopf.OperatorRegistry()
        servicedependency.register(registry, over(self._deliver))
        cyclealert.register(registry, over(self._others.alert))
        discoverysource.register(registry, over(self._others.source))
        kopf.on.login(registry=registry, id="kubeconfig")(self._login)
        try:
            await kopf.operator(
                registry=registry,
                settings=_kopf_settings(unanswered),
                standalone=True,
                clusterwide=not self._namespaces,
                namespaces=self._namespaces,
                stop_flag=flag,
            )
        finally:
            # Kopf waits for the flag in a thread of the loop's own; the loop cannot close before that thread ends.
            flag.set()

    async def _login(self, **_: Any) -> kopf.ConnectionInfo:
        """Read the credentials anew at every login, since mounted tokens are replaced while we run."""
        self._logins += 1
        if self._logins > 1:
            await asyncio.sleep(pause(self._logins - 2, _FIRST_PAUSE, _LONGEST_PAUSE))
        now = self._credentials()
        return kopf.ConnectionInfo(
            server=now.server,
            ca_path=now.ca_path,
            ca_data=now.ca_data,
            insecure=now.insecure,
            scheme="Bearer" if now.token else None,
            token=now.token,
            certificate_path=now.certificate_path,
            private_key_path=now.private_key_path,
            expiration=datetime.now(UTC) + timedelta(minutes=_LOGIN_MINUTES),
        )


def _lean(body: dict[str, Any]) -> dict[str, Any]:
    """The object without the bookkeeping of field managers, which is half of it; thousands may wait to be stored."""
    return body | {"metadata": {name: of for name, of in body["metadata"].items() if name != "managedFields"}}


class _EndlessBackoff:
    """Seconds between attempts: grows to half a minute, never runs out, so that an outage does not end the watch.

    Kopf takes the first before its first attempt; `failed()` is called when it comes for the second.
    """

    def __init__(self, failed: Callable[[], None]) -> None:
        self._failed = failed

    def __iter__(self) -> Iterator[float]:
        for failures in count():
            if failures == 1:
                self._failed()
            yield pause(failures, _FIRST_PAUSE_OF_KOPF, _LONGEST_PAUSE_OF_KOPF)


def _kopf_settings(unanswered: Callable[[], None]) -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.process.ultimate_exiting_timeout = None
    # Workers are kept for a moment only: idle ones pin a whole body each, and dominate the memory of a first listing.
    settings.queueing.idle_timeout = 0.1
    settings.queueing.exit_timeout = 1.0
    settings.watching.chunk_size = 250
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    settings.networking.error_backoffs = _EndlessBackoff(unanswered)
    return settings
