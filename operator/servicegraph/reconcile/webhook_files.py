"""A certificate for the admission webhook that somebody else keeps in two files, read again whenever they change.

Tools such as cert-manager replace such files while we run, and not both in one moment: a pair that does not fit is not shown,
and looked at again. Whoever gives the files sees to it that the API server trusts them.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from servicegraph import certificates, log, metrics
from servicegraph.errors import BadInput, SettingsError
from servicegraph.reconcile.webhook import PART

if TYPE_CHECKING:
    from servicegraph.reconcile.health import HealthBoard
    from servicegraph.reconcile.webhook import Show
    from servicegraph.settings import Settings

_log = log.get(__name__)

LOOK_SECONDS = 5.0


class WebhookFiles:
    """Follows the two files of WEBHOOK_CERT and WEBHOOK_KEY.

    Raises:
        SettingsError: only one of them is set.
    """

    def __init__(self, settings: Settings, health: HealthBoard, show: Show) -> None:
        if not settings.webhook_cert or not settings.webhook_key:
            raise SettingsError("WEBHOOK_CERT and WEBHOOK_KEY go together; set both, or none")
        self._paths = Path(settings.webhook_cert), Path(settings.webhook_key)
        self._health = health
        self._show = show
        self._shown = b"", b""

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                await self.look()
                self._health.clear(PART)
            except BadInput as error:
                self._health.report(PART, f"what was shown before stays: {error.message}")
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Show what the files hold, if it is not shown already.

        Raises:
            BadInput: they cannot be read or used.
        """
        try:
            found = await asyncio.to_thread(lambda: tuple(path.read_bytes() for path in self._paths))
        except OSError as error:
            raise BadInput(f"WEBHOOK_CERT, WEBHOOK_KEY: {error.filename}: {error.strerror}") from error
        if found == self._shown:
            return
        certificate, key = found
        try:
            end = certificates.end_of(certificate)
        except ValueError as error:
            raise BadInput("WEBHOOK_CERT: the file holds no certificate in PEM") from error
        self._show(certificate, key)
        self._shown = certificate, key
        metrics.webhook_certificate_end.set(end.timestamp())
        _log.info("webhook.files_read", ends=end.isoformat())
