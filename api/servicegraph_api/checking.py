"""`POST /check`: manifests in, what they would change out. Nothing is stored; it is answered from the snapshot.

The findings are those of `checks`, so admission, the command line and this route say the same. A large body is worked on in a
thread, few at a time, so that other requests are answered meanwhile.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import hdrs, web

from servicegraph.checks.answer import answered
from servicegraph.checks.changes import assess
from servicegraph.checks.documents import NotParsed
from servicegraph.checks.manifests import Manifest, Reading, unfold
from servicegraph.errors import BadInput
from servicegraph_api import bodies, keys, problems, query
from servicegraph_api.fragments import dumps
from servicegraph_api.problems import Problem, cut
from servicegraph_api.query import Parameter

if TYPE_CHECKING:
    from datetime import datetime

    from servicegraph.graph.snapshot import Snapshot

MOST_BYTES = 8 * 1024 * 1024
"""Of a body in JSON."""
MOST_BYTES_OF_YAML = 2 * 1024 * 1024
"""YAML takes much longer to read."""
MOST_MANIFESTS = 20_000

_YAML = frozenset({"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"})
_JSON = "application/json"
_AT_ONCE = 64 * 1024
"""Bytes up to which a thread would take longer than the work."""

PLACE: Parameter[str] = Parameter(
    "namespace",
    query.not_empty,
    "default",
    "the name of a namespace",
    "Where manifests are applied that name no namespace.",
    {"type": "string", "minLength": 1, "default": "default"},
)


async def check(request: web.Request) -> web.Response:
    """Say what the manifests of the body would change.

    Raises:
        Problem: 413, 415, or 503 until the first graph is loaded.
        BadInput: the body holds no manifests.
    """
    snapshot = request.app[keys.READER].current()
    if snapshot is None:
        raise problems.not_ready("the graph is not loaded yet; ask again in a moment")
    namespace = query.read((PLACE,), request.query)[PLACE]
    is_yaml = _is_yaml(request)
    body = await bodies.read(
        request, MOST_BYTES_OF_YAML if is_yaml else MOST_BYTES, "send fewer manifests at a time"
    )
    work = (snapshot, body, is_yaml, namespace, request.app[keys.CLOCK].now())
    if len(body) <= _AT_ONCE:
        answer = _answer(*work)
    else:
        async with request.app[keys.ROOM]:
            answer = await asyncio.to_thread(_answer, *work)
    headers = {hdrs.CACHE_CONTROL: "no-store", keys.GRAPH_VERSION: str(snapshot.mark.version)}
    return web.Response(body=answer, content_type=_JSON, headers=headers)


def _answer(snapshot: Snapshot, body: bytes, is_yaml: bool, namespace: str, now: datetime) -> bytes:  # noqa: FBT001 - one call
    """The whole answer to a body."""
    reading = Reading(namespace)
    if is_yaml:
        _take_yaml(reading, body)
    else:
        _take_json(reading, body)
    if len(reading.manifests) > MOST_MANIFESTS:
        raise BadInput(f"{len(reading.manifests):,} manifests are too many; send at most {MOST_MANIFESTS:,}")
    document = answered(reading, assess(snapshot, reading.proposals, now=now))
    return dumps({**document, "graph_version": snapshot.mark.version})


def _take_yaml(reading: Reading, body: bytes) -> None:
    try:
        reading.add_text(body.decode())
    except NotParsed as error:
        raise BadInput(f"line {error.line} of the body: {error.message}") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"the body is no UTF-8 at byte {error.start}") from error


def _take_json(reading: Reading, body: bytes) -> None:
    try:
        given: Any = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadInput(f"the body is no JSON: {error}; YAML is sent as application/yaml") from error
    manifests = given.get("manifests") if isinstance(given, dict) else None
    if not isinstance(manifests, list) or len(given) > 1:
        raise BadInput('the body takes {"manifests": [object, …]}, and nothing else')
    for number, one in enumerate(manifests):
        found = list(unfold(one))
        if not found and not isinstance(one, dict):
            raise BadInput(f"manifests[{number}] is no object")
        for part, _ in found:
            reading.add(Manifest(part, "", None))


def _is_yaml(request: web.Request) -> bool:
    """Whether the body is YAML; JSON is assumed where nothing is said.

    Raises:
        Problem: 415, for anything else.
    """
    said = request.content_type if hdrs.CONTENT_TYPE in request.headers else _JSON
    if said in _YAML:
        return True
    if said != _JSON:
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"Content-Type {cut(said)} cannot be read here; send {_JSON} or application/yaml",
        )
    return False
