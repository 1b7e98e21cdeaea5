"""What keeps the certificate of the admission webhook, chosen by the settings; `run` starts it beside the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicegraph.kube.webhook import WebhookClient
from servicegraph.reconcile.webhook import WebhookCertificate
from servicegraph.reconcile.webhook_files import WebhookFiles

if TYPE_CHECKING:
    from servicegraph.clock import Clock
    from servicegraph.reconcile.health import HealthBoard
    from servicegraph.reconcile.webhook import Show
    from servicegraph.settings import Settings


def is_wanted(settings: Settings, role: str) -> bool:
    """Whether this process answers the API server: those that only serve HTTP do not."""
    return role != "api" and bool(
        settings.webhook_configuration or settings.webhook_cert or settings.webhook_key
    )


async def keep_certificate(settings: Settings, health: HealthBoard, clock: Clock, show: Show) -> None:
    """Give `show` a good certificate, and each that follows it, until cancelled.

    Raises:
        SettingsError: files are given by half, or there is no way to the Kubernetes API.
    """
    if settings.webhook_cert or settings.webhook_key:
        await WebhookFiles(settings, health, show).run()
    else:
        async with WebhookClient(settings) as kube:
            await WebhookCertificate(kube, settings, health, clock, show).run()
