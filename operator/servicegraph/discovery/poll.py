"""One look at a source: who calls whom, then how often. It never raises for what is wrong with a backend; the poll says it.

Presence decides what the graph learns. Volume is a courtesy: where it fails alone, calls come without it. An answer that the
backend itself calls partial brings its calls, and a failure so that nothing ages; one that breaks off brings none, since what
it would have gone on to say is anybody's guess. `reconcile.polls` has this called, and the poll stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicegraph import log, metrics
from servicegraph.discovery import failures
from servicegraph.discovery.ask import ask, reaching
from servicegraph.discovery.failures import Unanswered
from servicegraph.discovery.gather import Gathered
from servicegraph.model.telemetry import Failure, Poll

if TYPE_CHECKING:
    import aiohttp

    from servicegraph.clock import Clock
    from servicegraph.discovery.access import Access
    from servicegraph.discovery.answers import Remarks
    from servicegraph.model.telemetry import Source

_log = log.get(__name__)

_MOST_WARNINGS = 10


async def poll(source: Source, access: Access, clock: Clock) -> Poll:
    """Ask `source` once, within twice the time-out of `access`.

    Everything that can be wrong with a backend is the poll's `failure`.
    """
    at, begun = clock.now(), clock.monotonic()
    found = Gathered(access.labels)
    failure: Failure | None = None
    warnings: tuple[str, ...] = ()
    try:
        async with reaching(access) as session:
            remarks = await ask(session, access, source.query, access.labels.spellings, found.see)
            failure = _partial(remarks)
            warnings = (*remarks.warnings, *remarks.infos, *await _volume(session, access, found))
    except Unanswered as error:
        found = Gathered(access.labels)
        failure = error.failure
    made = Poll(
        source=source,
        at=at,
        calls=found.calls(),
        failure=failure,
        series=found.series,
        dropped=dict(found.dropped),
        warnings=warnings[:_MOST_WARNINGS],
        duration=clock.monotonic() - begun,
    )
    _count(made)
    return made


async def _volume(session: aiohttp.ClientSession, access: Access, found: Gathered) -> tuple[str, ...]:
    """Count the calls that were found; what there is to say about that, where something went wrong."""
    if not access.volume:
        return ()
    try:
        remarks = await ask(session, access, access.volume, access.labels.spellings, found.count)
    except Unanswered as error:
        return (f"no volume: {error.failure.message}",)
    return tuple(f"volume: {one}" for one in remarks.warnings)


def _partial(remarks: Remarks) -> Failure | None:
    """What a complete answer with warnings fails by: a store or a zone that did not answer is missing from it."""
    lacking = [one for one in remarks.warnings if not one.startswith(_OF_THE_ENGINE)]
    if not lacking:
        return None
    return Failure(
        failures.PARTIAL_ANSWER,
        f"the backend warns that its answer may lack something, so nothing is taken for gone: {lacking[0]}",
    )


_OF_THE_ENGINE = ("PromQL warning:", "PromQL info:")
"""How Prometheus begins remarks about the query itself; nothing is missing from the answer for them."""


def _count(made: Poll) -> None:
    """Say in metrics and log what a poll came to."""
    name, failure = made.source.name, made.failure
    partial = failure is not None and failure.reason == failures.PARTIAL_ANSWER
    result = "good" if failure is None else "partial" if partial else "failed"
    metrics.polls.labels(name, result).inc()
    metrics.poll_seconds.labels(name).observe(made.duration)
    if result != "failed":
        metrics.poll_series.labels(name).set(made.series)
    if failure is None:
        metrics.poll_last_good.labels(name).set(made.at.timestamp())
    _log.debug("poll.done", source=name, result=result, series=made.series, calls=len(made.calls))
