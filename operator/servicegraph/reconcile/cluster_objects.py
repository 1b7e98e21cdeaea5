"""What Kubernetes shows of the objects of one cluster-scoped kind, with the lists that make good what the watch has missed.

Bodies come in from the watch (`deliver`), from lists, and from the answers to our own writes. Whoever wants to know of a change
subscribes. CycleAlerts (`alert_objects`) and DiscoverySources (`sources`) are kept so; ServiceDependencies, which are many, in
`objects`.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from servicegraph.errors import ServicegraphError
from servicegraph.reconcile.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from servicegraph.reconcile.health import HealthBoard

_GONE_KEPT = 20_000


class Live(Protocol):
    """An object at one resource version."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def uid(self) -> str:
        """What tells it from another of the same name."""
        ...

    @property
    def resource_version(self) -> str:
        """Grows with every change."""
        ...


_Live = TypeVar("_Live", bound=Live)


class ClusterObjects(Generic[_Live]):
    """All objects of one kind by name, whoever made them. For the reconciler's loop only.

    Args:
        kind: what they are called, in the health board's words.
        part: the part of the health board that tells when they cannot be listed.
        list_all: gives the bodies of all that exist, complete, or raises.
        read: makes of a body what is kept of it.
        health: hears when they cannot be listed.
        resync_minutes: between two lists; each is shifted by up to 10 %.
    """

    def __init__(
        self,
        kind: str,
        part: str,
        list_all: Callable[[], Awaitable[list[dict[str, Any]]]],
        read: Callable[[dict[str, Any]], _Live],
        health: HealthBoard,
        resync_minutes: float,
    ) -> None:
        self._kind = kind
        self._part = part
        self._list_all = list_all
        self._read = read
        self._health = health
        self._minutes = resync_minutes
        self._asked = asyncio.Event()
        self._gone: OrderedDict[str, None] = OrderedDict()
        self._callbacks: list[Callable[[str], object]] = []
        self.live: dict[str, _Live] = {}
        self.listed = asyncio.Event()
        """Set after the first complete list: what is not here by then does not exist."""

    def subscribe(self, callback: Callable[[str], object]) -> None:
        """Have `callback(name)` called whenever an object came, changed or went; it must be quick and not raise."""
        self._callbacks.append(callback)

    def deliver(self, body: dict[str, Any], kind: str | None) -> None:
        """Take one event of the watch; `kind` is ADDED, MODIFIED, DELETED, or None for what a list of the watch shows."""
        name, uid = body["metadata"]["name"], body["metadata"]["uid"]
        if kind == "DELETED":
            self.forget(name, uid)
            return
        if kind is None and name in self.live:
            # The watch lists anew, so it may have missed deletions, and a list does not tell of those.
            self.request()
        self.take(body)

    def request(self) -> None:
        """List soon: the watch may have missed something."""
        self._asked.set()

    def take(self, body: dict[str, Any]) -> None:
        """Keep a body unless something newer is known."""
        live = self._read(body)
        known = self.live.get(live.name)
        # Resource versions of one kind can be compared as numbers, which tells a late answer from a fresh event.
        if live.uid in self._gone or (known and int(known.resource_version) >= int(live.resource_version)):
            return
        self.live[live.name] = live
        self._tell(live.name)

    def forget(self, name: str, uid: str) -> None:
        """The object exists no more; a late word about it will be ignored, for a uid never comes back."""
        self._gone[uid] = None
        while len(self._gone) > _GONE_KEPT:
            self._gone.popitem(last=False)
        known = self.live.get(name)
        if known is not None and known.uid == uid:
            del self.live[name]
            self._tell(name)

    async def run(self) -> None:
        """List at once, on request and on a timer, until cancelled."""
        backoff = Backoff(first=0.5, cap=30.0)
        while True:
            self._asked.clear()
            try:
                await self._list()
            except ServicegraphError as error:
                self._health.report(self._part, f"{self._kind} objects cannot be listed: {error.message}")
                await asyncio.sleep(backoff.next())
                continue
            self._health.clear(self._part)
            backoff.reset()
            self.listed.set()
            seconds = self._minutes * 60 * random.uniform(0.9, 1.1)  # noqa: S311 - spreads load, guards nothing
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._asked.wait()

    async def _list(self) -> None:
        """Compare with everything that exists.

        Raises:
            ServicegraphError: the API server did not answer; nothing is forgotten.
        """
        before = {name: live.uid for name, live in self.live.items()}
        found = await self._list_all()
        uids = {body["metadata"]["uid"] for body in found}
        for name, uid in before.items():
            if uid not in uids:
                self.forget(name, uid)
        for body in found:
            self.take(body)

    def _tell(self, name: str) -> None:
        for callback in self._callbacks:
            callback(name)
