"""Submissions on their way into the transaction, and back into the graph that is read here: implements `ports.Commit`.

Whoever was told that something is stored may look for it at once, in the same process: so the answer waits for the snapshot
that shows it, though not for long, since what is stored is stored. Every process may write; the writers' lock orders them.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from servicegraph import log
from servicegraph.errors import StoreConflict, StoreUnavailable
from servicegraph.ingest.batch import Batch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from servicegraph.ingest.commit import GraphWriter
    from servicegraph.model.submission import Receipt, Submission

_log = log.get(__name__)

STORE_SECONDS = 30.0
"""How long one may take to be stored, behind whoever else is writing."""
SHOW_SECONDS = 5.0
"""How long the answer waits for the snapshot."""
ATTEMPTS = 3


class Submitting:
    """Commits submissions.

    Args:
        writer: stores them.
        shown: waits until this process serves a version, or a later one.
    """

    def __init__(self, writer: GraphWriter, shown: Callable[[int], Awaitable[object]]) -> None:
        self._writer = writer
        self._shown = shown

    async def __call__(self, submission: Submission, /) -> Receipt:
        """Store all of it, or nothing.

        Raises:
            StoreUnavailable: it cannot be stored now, or it is not known whether it is. To send it again is safe.
            StoreConflict: others were faster again and again.
            RemovalRefused: it would take away too much at once.
            StoreRefused: a value cannot be stored.
        """
        try:
            async with asyncio.timeout(STORE_SECONDS):
                receipt = await self._stored(submission)
        except TimeoutError:
            raise StoreUnavailable(
                "Postgres does not answer; it is not known whether the records are stored: send them again, which"
                " changes nothing if they are"
            ) from None
        _log.info(
            "submission.stored",
            provider=submission.provider,
            intent=str(submission.intent),
            version=receipt.version,
        )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SHOW_SECONDS):
                await self._shown(receipt.version)
        return receipt

    async def _stored(self, submission: Submission) -> Receipt:
        batch = Batch(submission=submission)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                receipt = (await self._writer.commit(batch)).receipt
            except StoreConflict:
                if attempt == ATTEMPTS:
                    raise
                continue
            assert receipt is not None
            return receipt
        raise AssertionError  # the last attempt returns or raises
