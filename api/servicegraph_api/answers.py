"""Answers from the snapshot: one question, one version of the graph, finished bytes.

`from_snapshot` makes a web handler of a pure function `Ask -> bytes`. Everything that all such routes share is here: the wait
for a first snapshot, reading the query, choosing the format, the entity tag and 304, the memory of finished answers.
`with_history` and `with_records` do the same for answers that Postgres adds something to; those are not remembered.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from aiohttp import hdrs, web

from servicegraph import __version__
from servicegraph_api import keys, negotiation, problems, query
from servicegraph_api.memory import Answer
from servicegraph_api.negotiation import JSON
from servicegraph_api.parameters import FORMAT
from servicegraph_api.patience import patiently

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.model.ports import AlertHistory, GraphReader
    from servicegraph.model.records import Records
    from servicegraph_api.memory import Memory
    from servicegraph_api.negotiation import Format
    from servicegraph_api.query import Parameter, Query

    Tell = Callable[["Ask"], bytes]
    TellWithHistory = Callable[["Ask", AlertHistory], Awaitable[bytes]]
    TellWithRecords = Callable[["Ask", Records], Awaitable[tuple[bytes, int]]]
    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_READING = frozenset({"GET", "HEAD"})
_TAG = re.compile(r'"([^"]*)"')


@dataclass(frozen=True, slots=True)
class Ask:
    """A question to one version of the graph."""

    snapshot: Snapshot
    names: Mapping[str, str]
    """What the path names, percent-decoded."""
    query: Query
    form: Format
    memory: Memory
    """What was worked out from this snapshot before."""


def from_snapshot(tell: Tell, known: Sequence[Parameter[Any]], formats: Sequence[Format]) -> Handler:
    """The handler of a route that `tell` answers, which knows the parameters `known` and answers in `formats`."""

    async def handler(request: web.Request) -> web.StreamResponse:
        snapshot, memory = _graph(request)
        accept = _accept(request)
        asked = query.read(known, request.query)
        wanted = asked[FORMAT] if FORMAT in known else None
        form, media = negotiation.choose(formats, wanted, accept)
        body = tell(Ask(snapshot, request.match_info, asked, form, memory))
        answer = _finish(body, media, snapshot, repr((request.rel_url.path_safe, asked.normal)))
        answer.route = request.match_info.route
        memory.keep((request.raw_path, accept), answer)
        return sent(answer, request)

    return handler


def remembered(request: web.Request, reader: GraphReader, memory: Memory) -> Answer | None:
    """The answer to `request`, if it was asked for before of the current graph; nothing but its line and headers is read."""
    snapshot = reader.current()
    if snapshot is None or request.method not in _READING:
        return None
    memory.turn_to(snapshot.mark)
    return memory.recall((request.raw_path, _accept(request)))


def with_history(tell: TellWithHistory) -> Handler:
    """The handler of a route without parameters that `tell` answers in JSON, from the snapshot and from Postgres."""

    async def handler(request: web.Request) -> web.StreamResponse:
        snapshot, memory = _graph(request)
        asked = query.read((), request.query)
        form, media = negotiation.choose((JSON,), None, _accept(request))
        body = await tell(Ask(snapshot, request.match_info, asked, form, memory), request.app[keys.HISTORY])
        return sent(_finish(body, media, snapshot, request.rel_url.path_safe), request)

    return handler


def with_records(tell: TellWithRecords, known: Sequence[Parameter[Any]]) -> Handler:
    """The handler of a route that `tell` answers in JSON, mostly from Postgres: of the version that it found there."""

    async def handler(request: web.Request) -> web.StreamResponse:
        snapshot, memory = _graph(request)
        asked = query.read(known, request.query)
        form, media = negotiation.choose((JSON,), None, _accept(request))
        ask = Ask(snapshot, request.match_info, asked, form, memory)
        body, version = await patiently(tell(ask, request.app[keys.RECORDS]), "ask again in a moment")
        # Much of it changes without a version, so it is the same answer only as long as it is the same text.
        return sent(_finish(body, media, snapshot, body.decode(), version), request)

    return handler


def _graph(request: web.Request) -> tuple[Snapshot, Memory]:
    """The current snapshot, and what is remembered of it.

    Raises:
        Problem: 503 until the first is loaded.
    """
    snapshot = request.app[keys.READER].current()
    if snapshot is None:
        raise problems.not_ready("the graph is not loaded yet; ask again in a moment")
    memory = request.app[keys.MEMORY]
    memory.turn_to(snapshot.mark)
    return snapshot, memory


def _accept(request: web.Request) -> str:
    headers = request.headers
    return ",".join(headers.getall(hdrs.ACCEPT)) if hdrs.ACCEPT in headers else ""


def sent(answer: Answer, request: web.Request) -> web.Response:
    """The answer, or 304 where the client has it."""
    if _is_known(answer.tag, request):
        headers = {name: value for name, value in answer.headers.items() if name != hdrs.CONTENT_TYPE}
        return web.Response(status=304, headers=headers)
    return web.Response(body=answer.body, headers=answer.headers)


def _finish(body: bytes, media: str, snapshot: Snapshot, question: str, version: int | None = None) -> Answer:
    """The answer as it is sent; its tag changes with the graph, the question, the format and this program's version.

    `version` is the graph's where it is not the snapshot's.
    """
    mark = snapshot.mark
    made_of = repr((__version__, mark.history, mark.version, media, question))
    tag = blake2b(made_of.encode("utf-8", "backslashreplace"), digest_size=16).hexdigest()
    headers = {
        **problems.ALWAYS,
        hdrs.CONTENT_TYPE: media if media == JSON.media[0] else f"{media}; charset=utf-8",
        hdrs.ETAG: f'"{tag}"',
        hdrs.CACHE_CONTROL: "no-cache",
        hdrs.VARY: hdrs.ACCEPT,
        keys.GRAPH_VERSION: str(mark.version if version is None else version),
    }
    return Answer(body, headers, tag)


def _is_known(tag: str, request: web.Request) -> bool:
    """Whether the client says (If-None-Match, compared weakly) that it has the answer with this tag."""
    if hdrs.IF_NONE_MATCH not in request.headers:
        return False
    given = ",".join(request.headers.getall(hdrs.IF_NONE_MATCH))
    return given.strip() == "*" or tag in _TAG.findall(given)
