"""The certificate that the API server is shown when it asks for warnings: made, kept in a Secret, trusted, renewed.

First the Secret holds it, then the configuration trusts it, then it is shown. So whatever is shown is trusted, whenever this
process is killed and however many do the same: each looks every minute and does what is missing. The authority that signs is
thrown away; the configuration trusts the one before it too, for who still shows its certificate.
"""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from servicegraph import certificates, log, metrics
from servicegraph.errors import BadInput, KubernetesGone, ServicegraphError
from servicegraph.reconcile.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from servicegraph.clock import Clock
    from servicegraph.kube.webhook import Kept, WebhookClient
    from servicegraph.reconcile.health import HealthBoard
    from servicegraph.settings import Settings

    Show = Callable[[bytes, bytes], None]

_log = log.get(__name__)

PART = "webhook"
"""The part of the health board."""

LIFE = timedelta(days=90)
RENEWED_BEFORE = timedelta(days=30)
"""How long before its end a certificate is replaced: a month in which the API server may be away."""

LOOK_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 60.0


def names_called(configuration: Mapping[str, Any]) -> tuple[str, ...]:
    """The names by which the webhooks of a configuration are called, sorted: of their Services, or the hosts of their URLs."""
    found = set()
    for webhook in configuration.get("webhooks") or ():
        client = webhook["clientConfig"]
        if "service" in client:
            found.add(f"{client['service']['name']}.{client['service']['namespace']}.svc")
        elif host := urlsplit(client.get("url", "")).hostname:
            found.add(host)
    return tuple(sorted(found))


def why_renewed(kept: Kept, names: tuple[str, ...], now: datetime) -> tuple[str, str]:
    """Why what is kept has to be replaced, as a reason and a sentence; both empty where it has not."""
    if not kept.resource_version:
        return "Missing", "there is none yet"
    if not certificates.belong_together(kept.authorities, kept.certificate, kept.key):
        return "Unusable", "the Secret lacks a part, or its parts do not belong together"
    if missing := set(names) - certificates.names_of(kept.certificate):
        return "Renamed", f"it is not for {', '.join(sorted(missing))}"
    end = certificates.end_of(kept.certificate)
    if end - now < RENEWED_BEFORE:
        return "Ending", f"it is over at {end.isoformat()}"
    return "", ""


def renewed(kept: Kept, names: tuple[str, ...], now: datetime) -> Kept:
    """A new certificate in place of what is kept; who trusted that goes on trusting it."""
    authority, certificate, key = certificates.server_certificate(names, LIFE, now)
    before = certificates.first_alive(kept.authorities, now)
    return replace(kept, authorities=authority + before, certificate=certificate, key=key)


def distrusting(configuration: Mapping[str, Any], authorities: bytes) -> list[str]:
    """The webhooks of a configuration that trust anybody else."""
    bundle = base64.b64encode(authorities).decode()
    return [one["name"] for one in configuration["webhooks"] if one["clientConfig"].get("caBundle") != bundle]


class WebhookCertificate:
    """Keeps one certificate good. For one event loop.

    Args:
        kube: where configuration and Secret are.
        settings: their names.
        health: hears when that does not work.
        clock: says what is over.
        show: is given certificate and key once they are trusted.
    """

    def __init__(
        self, kube: WebhookClient, settings: Settings, health: HealthBoard, clock: Clock, show: Show
    ) -> None:
        self._kube = kube
        self._configuration = settings.webhook_configuration
        self._secret = settings.pod_namespace, f"{settings.webhook_configuration}-webhook"
        self._health = health
        self._clock = clock
        self._show = show
        self._shown = b""
        self._backoff = Backoff(first=0.5, cap=LONGEST_PAUSE_SECONDS)

    async def run(self) -> None:
        """Look every minute, until cancelled; outages are waited out with what is shown."""
        while True:
            try:
                await self.look()
                self._health.clear(PART)
                self._backoff.reset()
                seconds = LOOK_SECONDS
            except ServicegraphError as error:
                seconds = self._backoff.next()
                self._health.report(PART, f"warnings may be missing where people apply: {error.message}")
            await asyncio.sleep(seconds)

    async def look(self) -> None:
        """Do what is missing for a good certificate.

        Raises:
            ServicegraphError: something cannot be had; the next look goes on from there.
        """
        name = self._configuration
        try:
            configuration = await self._kube.get_configuration(name)
        except KubernetesGone:
            raise BadInput(f"there is no ValidatingWebhookConfiguration {name}: install it") from None
        names = names_called(configuration)
        if not names:
            raise BadInput(
                f"the ValidatingWebhookConfiguration {name} calls nobody: give its webhooks a service"
            )
        kept = await self._kube.get_kept(*self._secret)
        reason, why = why_renewed(kept, names, self._clock.now())
        if reason:
            kept = await self._kube.keep(*self._secret, renewed(kept, names, self._clock.now()))
            _log.info("webhook.certificate_renewed", reason=reason, why=why, names=names)
        if webhooks := distrusting(configuration, kept.authorities):
            # All of them: what an apply leaves out it would take away.
            every = [one["name"] for one in configuration["webhooks"]]
            version = configuration["metadata"]["resourceVersion"]
            await self._kube.trust(name, version, every, kept.authorities)
            _log.info("webhook.trusted", webhooks=webhooks)
        if kept.certificate != self._shown:
            self._show(kept.certificate, kept.key)
            self._shown = kept.certificate
            metrics.webhook_certificate_end.set(certificates.end_of(kept.certificate).timestamp())
