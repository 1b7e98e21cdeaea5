"""`POST` and `DELETE /dependencies`: records in, what became of them out.

All records of a body are stored or none, as the words of one provider: that of the key which they came with. An answer means
that they are stored; without one, sending them again is safe. What is wrong with a body is told record by record.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import hdrs, web

from servicegraph.checks.closing import closing
from servicegraph.errors import BadInput, RemovalRefused, StoreRefused
from servicegraph.model.apirecord import Understood, understood
from servicegraph.model.submission import Intent, Submission, provider_of
from servicegraph_api import bodies, keys, problems, query
from servicegraph_api.fragments import dumps
from servicegraph_api.problems import Problem, cut
from servicegraph_api.query import choice, switch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servicegraph.checks.closing import Warned
    from servicegraph.model.submission import Counts, Receipt

MOST_BYTES = 8 * 1024 * 1024
MOST_RECORDS = {Intent.MERGE: 1_000, Intent.REPLACE: 20_000, Intent.DELETE: 1_000}
MOST_FAULTS = 100
"""Faults that are told of one body."""

_JSON = "application/json"
_FIELDS = ("services", "dependencies")

INTENT = choice(
    "mode",
    {"merge": Intent.MERGE, "replace": Intent.REPLACE},
    Intent.MERGE,
    "merge: the records count beside those sent before with a key of this name; replace: they are all that it says from"
    " now on.",
)
ACCEPT_REMOVAL = switch(
    "accept_removal", "Let mode=replace take away however much it leaves out; else much at once is refused."
)


async def post(request: web.Request) -> web.Response:
    """Store the records of the body.

    Raises:
        Problem: 409, 413, 415, 422, or 503 until the first graph is loaded.
        BadInput: the body holds no records.
        StoreUnavailable: they cannot be stored now.
    """
    asked = query.read((INTENT, ACCEPT_REMOVAL), request.query)
    most = 1.0 if asked[ACCEPT_REMOVAL] else request.app[keys.SETTINGS].resync_max_removal
    said, receipt = await _stored(request, asked[INTENT], most)
    warnings = await _warnings(request, said)
    named = ("created", "updated", "unchanged", *(("removed",) if asked[INTENT] is Intent.REPLACE else ()))
    return _answer(receipt, named, warnings)


async def delete(request: web.Request) -> web.Response:
    """Take back the records of the body; of each only what it is about counts.

    Raises:
        Problem: 413, 415, 422, or 503 until the first graph is loaded.
        BadInput: the body holds no records.
        StoreUnavailable: they cannot be taken back now.
    """
    query.read((), request.query)
    _, receipt = await _stored(request, Intent.DELETE, 1.0)
    return _answer(receipt, ("removed", "absent"), [])


async def _stored(request: web.Request, intent: Intent, most: float) -> tuple[Understood, Receipt]:
    """What the body says, once it is stored."""
    if request.app[keys.READER].current() is None:
        raise problems.not_ready("the graph is not loaded yet; send the records again in a moment")
    said = await _read(request, intent)
    submission = Submission(
        provider_of(request[keys.CALLER].name), intent, said.statements, said.observations, most
    )
    try:
        return said, await request.app[keys.COMMIT](submission)
    except RemovalRefused as error:
        raise Problem(HTTPStatus.CONFLICT, error.message) from error
    except StoreRefused as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, error.message) from error


async def _read(request: web.Request, intent: Intent) -> Understood:
    """The records of the body.

    Raises:
        Problem: 413, 415; 422 with everything that is wrong with them.
        BadInput: it holds no records.
    """
    said = request.content_type if hdrs.CONTENT_TYPE in request.headers else _JSON
    if said != _JSON:
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Type {cut(said)} cannot be read here; send {_JSON}"
        )
    body = await bodies.read(request, MOST_BYTES, "send fewer records at a time")
    async with request.app[keys.ROOM]:
        found = await asyncio.to_thread(_understood, body, intent)
    if isinstance(found, Understood):
        return found
    faults = [{"path": one.path, "message": one.sentence} for one in found[:MOST_FAULTS]]
    more = f"; and {len(found) - 1:,} more in `errors`" if len(found) > 1 else ""
    raise Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"nothing is stored: {found[0]}{more}",
        members={"errors": faults, "error_count": len(found)},
    )


def _understood(body: bytes, intent: Intent) -> Any:
    try:
        given: Any = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadInput(f"the body is no JSON: {error}") from error
    if not isinstance(given, dict) or not any(isinstance(given.get(field), list) for field in _FIELDS):
        raise BadInput('the body takes {"services": [record, …], "dependencies": [record, …]}')
    missing = [field for field in _FIELDS if given.get(field) is None]
    if missing and intent is Intent.REPLACE:
        raise BadInput(
            f"{missing[0]} is left out, and mode=replace takes everything; send [] if there is none"
        )
    count = sum(len(given[field]) for field in _FIELDS if isinstance(given.get(field), list))
    most = MOST_RECORDS[intent]
    if count > most:
        instead = "" if intent is not Intent.MERGE else "; mode=replace takes more"
        raise BadInput(f"{count:,} records are too many; send at most {most:,} at a time{instead}")
    return understood(given)


async def _warnings(request: web.Request, said: Understood) -> list[Warned]:
    """The circles that the edges are part of."""
    snapshot = request.app[keys.READER].current()
    assert snapshot is not None  # a graph that was there once stays
    ends = [(one.source, one.target) for one in said.observations]
    if not ends:
        return []
    async with request.app[keys.ROOM]:
        return await asyncio.to_thread(closing, snapshot, ends)


def _answer(receipt: Receipt, named: tuple[str, ...], warnings: list[Warned]) -> web.Response:
    document = {
        "services": _counts(receipt.services, named),
        "dependencies": _counts(receipt.dependencies, named),
        "graph_version": receipt.version,
        "warnings": [{"code": one.code, "message": one.message, "cycle": one.cycle} for one in warnings],
    }
    headers = {hdrs.CACHE_CONTROL: "no-store", keys.GRAPH_VERSION: str(receipt.version)}
    return web.Response(body=dumps(document), content_type=_JSON, headers=headers)


def _counts(counts: Counts, named: tuple[str, ...]) -> Mapping[str, int]:
    return {name: getattr(counts, name) for name in named}
