"""How much a call is made, kept as a power of ten that is rarely rewritten. Pure; no graph version depends on it.

Traffic breathes, and a call near a border would be written at every poll. So a bucket rises at once, and falls only by two or
more and not within a day of when it was last written: what is kept is one too high at most, or a day old.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from servicegraph.store.volumes import StoredVolume

LEAST_TIME = timedelta(days=1)
LEAST_FALL = 2


def is_to_write(bucket: int | None, kept: StoredVolume | None, at: datetime) -> bool:
    """Whether a poll of that time which shows so much has to be written; None is not known."""
    if bucket is None:
        return False
    if kept is None or bucket > kept.bucket:
        return True
    return bucket <= kept.bucket - LEAST_FALL and at - kept.written_at >= LEAST_TIME
