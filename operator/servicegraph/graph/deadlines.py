"""Which alerts time has caught up with. The scheduler asks; what it hears goes into an ordinary transaction as stored facts.

No clock here: the time is handed in, so readers and replays see only what was stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicegraph.model.alert import AlertState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from servicegraph.model.alert import Alert


def over(alerts: Iterable[Alert], now: datetime) -> list[str]:
    """The names of alerts whose acknowledgement has passed its `until`: the `expired` of `graph.alerts.diff`."""
    return [
        alert.name
        for alert in alerts
        if (said := alert.acknowledgement) and not said.ended and said.until is not None and said.until <= now
    ]


def forgettable(alerts: Iterable[Alert], now: datetime, retention: timedelta) -> list[str]:
    """The names of alerts resolved so long ago that they go; never one that somebody has written an acknowledgement into."""
    return [
        alert.name
        for alert in alerts
        if alert.state is AlertState.RESOLVED
        and alert.acknowledgement is None
        and alert.resolved_at is not None
        and alert.resolved_at + retention <= now
    ]
