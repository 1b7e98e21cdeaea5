"""Polls of a source of telemetry in one line, for tests of what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from servicegraph.ingest.ageing import Thresholds
from servicegraph.ingest.batch import Batch
from servicegraph.model.telemetry import Failure, Poll, RawCall, Source

if TYPE_CHECKING:
    from servicegraph.clock import SteppedClock
    from servicegraph.ingest.batch import Committed
    from servicegraph.ingest.commit import GraphWriter
    from servicegraph.model.telemetry import PollOutcome
    from support.rows import Rows

INTERVAL = timedelta(minutes=5)
OTEL = Source("otel", "http://prometheus", "OTelCollector", "the query", INTERVAL.total_seconds())
AWAY = Failure("Unreachable", "nobody answers")


SOON = Thresholds(stale=3600, retention=7200, alertable=1200)
"""An hour until stale, two more until gone; twenty minutes until in no circle."""
_STATES = """
SELECT s.printed || '>' || t.printed AS edge,
    o.confirmed, o.absent_since IS NULL AS present, o.stale, o.quarantined, o.alertable
FROM observations o JOIN services s ON s.id = o.source JOIN services t ON t.id = o.target ORDER BY 1, o.raw_key
"""


async def states(rows: Rows) -> dict[str, str]:
    """Of each call, what holds of it."""
    return {
        row["edge"]: " ".join(name for name, holds in row.items() if holds is True)
        for row in await rows.of(_STATES)
    }


def call(text: str, namespace: str = "shop", **said: Any) -> RawCall:
    """`a>b` is the call of a to b, both in `namespace`; `a>bank/b` says another for b, `a>/b` none."""
    ends = [end if "/" in end else f"{namespace}/{end}" for end in text.split(">")]
    (client_namespace, client), (server_namespace, server) = (end.split("/", 1) for end in ends)
    return RawCall(client, server, client_namespace, server_namespace, **said)


def many(count: int, prefix: str = "s") -> list[RawCall]:
    """That many calls, of as many services to one."""
    return [call(f"{prefix}{number:05}>hub") for number in range(count)]


@dataclass
class Polling:
    """Polls a source as time goes by: each poll an interval after the one before."""

    writer: GraphWriter
    clock: SteppedClock
    source: Source = OTEL
    last: Poll | None = field(default=None, init=False)

    async def sees(self, *calls: str | RawCall, failure: Failure | None = None, **said: Any) -> PollOutcome:
        """A poll that shows these calls."""
        await self.commits(*calls, failure=failure, **said)
        return self.outcome

    async def commits(self, *calls: str | RawCall, failure: Failure | None = None, **said: Any) -> Committed:
        """The same, for the version."""
        self.clock.step(INTERVAL)
        shown = dict.fromkeys((call(one) if isinstance(one, str) else one for one in calls), None)
        self.last = replace(
            Poll(self.source, self.clock.now(), calls=shown, failure=failure),
            **{"series": len(shown), **said},
        )
        return await self.again()

    async def again(self) -> Committed:
        """The last poll once more."""
        assert self.last is not None
        committed = await self.writer.commit(Batch(polls=[self.last]))
        self.outcome = committed.polls[self.source.name]
        return committed

    async def fails(self) -> PollOutcome:
        """A poll that nobody answers."""
        return await self.sees(failure=AWAY)

    async def goes_on(self, *calls: str | RawCall, hours: float) -> PollOutcome:
        """Polls that show these calls for that many healthy hours, in as few steps as healthy time allows."""
        ahead = timedelta(hours=hours)
        longest = 2 * INTERVAL
        while ahead > timedelta(0):
            step = min(ahead, longest)
            self.clock.step(step - INTERVAL)
            ahead -= step
            outcome = await self.sees(*calls)
        return outcome
