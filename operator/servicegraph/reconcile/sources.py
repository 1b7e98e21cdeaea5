"""Which sources of telemetry there are, how each is asked, and how it stands: between their objects and `polls`.

A source is a DiscoverySource object, or the one that the settings name, unless an object has its name. Its Secrets are read at
every poll, so one that is made or renewed later is found by itself. A source that exists no more is forgotten, also one that
went while nobody looked: but only by a complete list, for what is missing from a broken one may well exist.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from servicegraph import log, metrics
from servicegraph.discovery.poll import poll
from servicegraph.discovery.sources import DEFAULT_NAME, implicit_source, translate
from servicegraph.errors import BadInput, KubernetesRefused, ServicegraphError
from servicegraph.model.telemetry import Failure, Poll
from servicegraph.reconcile.backoff import Backoff
from servicegraph.reconcile.cluster_objects import ClusterObjects
from servicegraph.reconcile.looks import Look
from servicegraph.reconcile.polls import STORING, Plan, board_part
from servicegraph.store.sources import stored_sources
from servicegraph.writeback.live_source import LiveSource
from servicegraph.writeback.source import Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.clock import Clock
    from servicegraph.discovery.access import SecretPlace
    from servicegraph.discovery.sources import Asking
    from servicegraph.kube.client import KubeClient
    from servicegraph.reconcile.health import HealthBoard
    from servicegraph.reconcile.looks import Looks
    from servicegraph.reconcile.polls import Polls
    from servicegraph.settings import Settings
    from servicegraph.store.sources import StoredSource

_log = log.get(__name__)

SECRET_MISSING = "SecretMissing"  # noqa: S105 - a reason, no secret
"""A Secret that the spec refers to, or its key, is not there, or holds nothing that could be used."""
SECRET_FORBIDDEN = "SecretForbidden"  # noqa: S105 - a reason, no secret
"""The operator may not read it."""


class SourceObjects(ClusterObjects[LiveSource]):
    """All DiscoverySource objects by name. For the reconciler's loop only."""

    def __init__(self, kube: KubeClient, health: HealthBoard, resync_minutes: float) -> None:
        super().__init__(
            "DiscoverySource", "sources", kube.list_sources, LiveSource.of, health, resync_minutes
        )


@dataclass(slots=True)
class _Known:
    """A source under one spec."""

    revision: object
    asked: Asking | Failure
    """How it is asked, or why its spec cannot be used."""
    secrets: dict[SecretPlace, str] | None = None
    """As they were last read: an API server that is away keeps nobody from asking Prometheus."""
    lacking: Failure | None = None
    """Why its Secrets cannot be used."""

    @property
    def refusal(self) -> Failure | None:
        """Why it cannot be polled until somebody changes something."""
        return self.asked if isinstance(self.asked, Failure) else self.lacking


class Sources:
    """Follows the objects. For the reconciler's loop only.

    Args:
        kube: reads Secrets.
        engine: is asked once which sources have been polled before.
        objects: the DiscoverySources.
        polls: polls them.
        looks: hears which there are.
        health: hears of sources that cannot be used.
        settings: names the implicit source, and the namespace of Secrets.
        clock: dates polls.
        tell: is called with the name of a source that stands otherwise than before.

    Raises:
        SettingsError: the settings name a source that cannot be used.
    """

    def __init__(
        self,
        kube: KubeClient,
        engine: AsyncEngine,
        objects: SourceObjects,
        polls: Polls,
        looks: Looks,
        health: HealthBoard,
        settings: Settings,
        clock: Clock,
        tell: Callable[[str], object],
    ) -> None:
        self._kube = kube
        self._engine = engine
        self._objects = objects
        self._polls = polls
        self._looks = looks
        self._health = health
        self._settings = settings
        self._clock = clock
        self._tell = tell
        self._implicit = implicit_source(settings)
        self._known: dict[str, _Known] | None = None

    async def begin(self) -> None:
        """Once all objects are listed, forget those that went while nobody looked, and follow the others from now on."""
        await self._objects.listed.wait()
        stored = await self._stored()
        existing = self._existing()
        self._looks.begin(
            {
                one.name: Look(one.sees, one.last_good_at, one.version)
                for one in stored
                if one.name in existing
            }
        )
        self._known = {}
        self._polls.forget([one.name for one in stored if one.name not in existing])
        self._objects.subscribe(self.look)
        self.look()

    def look(self, _name: str = "") -> None:
        """Follow what is there now: an object has come, changed or gone."""
        if self._known is None:
            return
        before, self._known = self._known, self._read(self._known)
        gone = before.keys() - self._known.keys()
        plans = {name: plan for name, one in self._known.items() if (plan := self._plan(one)) is not None}
        sees = {name: plan.source.sees for name, plan in plans.items()}
        self._polls.follow(plans, self._known.keys())
        self._polls.forget(gone)
        self._looks.keep(self._known.keys(), sees)
        for name in before.keys() | self._known.keys():
            self._note(name)

    def standing(self, name: str) -> Standing | None:
        """How a source stands; None while that is not known yet."""
        known = (self._known or {}).get(name)
        if known is None:
            return None
        if isinstance(known.asked, Failure):
            return Standing(refusal=known.asked)
        if known.secrets is None and known.lacking is None and not known.asked.suspended:
            return None
        return Standing(
            refusal=known.lacking,
            suspended=known.asked.suspended,
            interval=timedelta(seconds=known.asked.source.interval),
            last=self._polls.results.get(name),
        )

    async def _stored(self) -> Sequence[StoredSource]:
        """What is stored of sources; outages are waited out."""
        backoff = Backoff(first=0.2, cap=5.0)
        while True:
            try:
                stored = await stored_sources(self._engine)
            except ServicegraphError as error:
                self._health.report(STORING, f"what telemetry shows waits to be stored: {error.message}")
                await asyncio.sleep(backoff.next())
            else:
                self._health.clear(STORING)
                return stored

    def _existing(self) -> set[str]:
        implicit = {DEFAULT_NAME} if self._implicit else set()
        return implicit | self._objects.live.keys()

    def _read(self, before: dict[str, _Known]) -> dict[str, _Known]:
        """Every source that exists; what is known of one lasts as long as its spec."""
        found: dict[str, _Known] = {}
        for name in sorted(self._existing()):
            live = self._objects.live.get(name)
            revision = (live.uid, live.generation) if live else ()
            known = before.get(name)
            found[name] = known if known and known.revision == revision else self._new(revision, live)
        return found

    def _new(self, revision: object, live: LiveSource | None) -> _Known:
        if live is None:
            assert self._implicit is not None
            return _Known(revision, self._implicit)
        body = {"metadata": {"name": live.name}, "spec": live.spec}
        return _Known(revision, translate(body, self._settings))

    def _plan(self, known: _Known) -> Plan | None:
        """How it is to be polled; None where it is not."""
        if isinstance(known.asked, Failure) or known.asked.suspended:
            return None
        return Plan(known.asked.source, known.revision, partial(self._ask, known, known.asked))

    def _note(self, name: str) -> None:
        """Say how a source is that was not polled for it."""
        known = (self._known or {}).get(name)
        if known is None:
            metrics.forget_source(name)
            self._health.clear(board_part(name))
            return
        if isinstance(known.asked, Failure):
            self._health.report(board_part(name), f"{known.asked.reason}: {known.asked.message}")
        elif known.asked.suspended:
            self._health.clear(board_part(name))
        self._tell(name)

    async def _ask(self, known: _Known, asking: Asking) -> Poll:
        """Poll a source with its Secrets as they are now."""
        failure = await self._read_secrets(known, asking)
        self._tell(asking.source.name)
        if failure is not None:
            return Poll(asking.source, self._clock.now(), failure=failure)
        return await poll(asking.source, asking.opened(known.secrets or {}), self._clock)

    async def _read_secrets(self, known: _Known, asking: Asking) -> Failure | None:
        """Read the Secrets of a source; why it cannot be asked with them, if so."""
        try:
            values = {place: await self._secret(place) for place in asking.secrets.values()}
        except BadInput as error:
            known.lacking = Failure(SECRET_MISSING, error.message)
            return known.lacking
        except KubernetesRefused as error:
            known.lacking = Failure(SECRET_FORBIDDEN, error.message)
            return known.lacking
        except ServicegraphError as error:
            return Failure(error.reason, error.message) if known.secrets is None else None
        known.secrets, known.lacking = values, None
        return None

    async def _secret(self, place: SecretPlace) -> str:
        return await self._kube.read_secret(self._settings.pod_namespace, place.name, place.key)
