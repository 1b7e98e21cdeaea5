"""What the API server asks before it stores a ServiceDependency, on a port of its own: is there something to say about it?

Every answer allows it, whatever is wrong with the object, with the question or with us, and comes within a second: a warning is
worth less than a deploy that goes through. `checks.admission` finds the words.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

from servicegraph import log, metrics
from servicegraph.checks.admission import proposed, warnings
from servicegraph.checks.proposal import Proposal
from servicegraph_api import bodies

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from servicegraph.clock import Clock
    from servicegraph.graph.columns import ObjectName
    from servicegraph.model.ports import GraphReader

_log = log.get(__name__)

PATH = "/validate"
BUDGET_SECONDS = 1.0
"""From the first byte of a question to the answer; the configuration lets the API server wait for three."""

MOST_BYTES = 8 * 1024 * 1024
"""Of a question: it holds the object twice, and the API server takes up to 3 MiB of one."""

RECENT_SECONDS = 5.0
"""For how long an object that was let through counts though the graph may not know it: much longer than it takes to store."""
MOST_RECENT = 256
_THREADS = 2


def create_admission(reader: GraphReader, clock: Clock) -> web.Application:
    """The application that answers the API server from `reader`; everything but `PATH` is 404."""
    app = web.Application()
    admission = Admission(reader, clock)
    app.router.add_post(PATH, admission.review)
    app.cleanup_ctx.append(admission.working)
    return app


class Admission:
    """Answers one question at a time, and remembers for a moment what it let through."""

    def __init__(self, reader: GraphReader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock
        self._recent: OrderedDict[ObjectName, tuple[float, Proposal]] = OrderedDict()
        self._threads = ThreadPoolExecutor(_THREADS, "admission")

    async def working(self, _app: web.Application) -> AsyncIterator[None]:
        """Have threads for the life of the application."""
        yield
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def review(self, request: web.Request) -> web.Response:
        """Allow the object, with the warnings that could be found in time."""
        began = perf_counter()
        answer: dict[str, Any] = {"uid": "", "allowed": True}
        result = "not_understood"
        try:
            async with asyncio.timeout(BUDGET_SECONDS):
                asked = _asked(await bodies.read(request, MOST_BYTES, "nothing can be done about it"))
                if asked is not None:
                    answer["uid"] = asked["uid"]
                    result = "fault"
                    result = await self._warn(asked, answer)
        except TimeoutError:
            result = "late"
        except Exception as error:  # noqa: BLE001 - whatever it is, the object is let through
            _log.error("admission.failed", exc_info=error)
        metrics.admission_reviews.labels(result).inc()
        metrics.admission_seconds.observe(perf_counter() - began)
        return web.Response(body=orjson.dumps(_review(answer)), content_type="application/json")

    async def _warn(self, asked: dict[str, Any], answer: dict[str, Any]) -> str:
        """Put the warnings into the answer; the result that is counted."""
        snapshot = self._reader.current()
        body, namespace = asked.get("object"), asked.get("namespace")
        if not isinstance(body, dict) or not isinstance(namespace, str):
            return "not_understood"
        if snapshot is None:
            return "not_ready"
        beside = self._beside()

        def work() -> tuple[Proposal | None, list[str]]:
            said = proposed(body, namespace)
            lines = warnings(snapshot, said, beside, self._clock.now())
            return (said if isinstance(said, Proposal) else None), lines

        proposal, lines = await asyncio.get_running_loop().run_in_executor(self._threads, work)
        if proposal is not None and not asked.get("dryRun"):
            self._remember(proposal)
        if lines:
            answer["warnings"] = lines
        return "warned" if lines else "clean"

    def _remember(self, proposal: Proposal) -> None:
        self._recent.pop(proposal.object, None)
        self._recent[proposal.object] = self._clock.monotonic(), proposal
        if len(self._recent) > MOST_RECENT:
            self._recent.popitem(last=False)

    def _beside(self) -> list[Proposal]:
        """What was let through just now."""
        oldest = self._clock.monotonic() - RECENT_SECONDS
        while self._recent and next(iter(self._recent.values()))[0] < oldest:
            self._recent.popitem(last=False)
        return [proposal for _, proposal in self._recent.values()]


def _asked(body: bytes) -> dict[str, Any] | None:
    """The question in a body; None where there is none."""
    try:
        review: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    asked = review.get("request") if isinstance(review, dict) else None
    return asked if isinstance(asked, dict) and isinstance(asked.get("uid"), str) else None


def _review(answer: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": answer}
