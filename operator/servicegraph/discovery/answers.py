"""Reading the answer of Prometheus as it arrives, piece by piece, so that memory depends on no answer's size.

Of a series only the labels that are wanted are kept, and its value. The shape is that of an instant query of Prometheus' HTTP
API: `status`, `data.resultType`, `data.result[].metric` and `.value`, `warnings`, `infos`, or `error` and `errorType`;
`isPartial` is VictoriaMetrics'. What else there may be is passed over. `ask` feeds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import ijson  # type: ignore[import-untyped] # it ships no types

from servicegraph.discovery import failures
from servicegraph.discovery.access import MOST_AT_ONCE
from servicegraph.discovery.failures import Unanswered, words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from servicegraph.discovery.access import Access

_DEEPEST = 16
_MOST_REMARKS = 10
_SERIES, _METRIC, _VALUE = "/data/result[]/", "/data/result[]/metric/", "/data/result[]/value[]"
_WARNINGS, _INFOS = "/warnings[]", "/infos[]"
_SAID = {("/", "status"), ("/", "error"), ("/", "errorType"), ("/data/", "resultType")}
_PARTIAL = "the backend says that this is only a part of the answer (isPartial)"
_IS_IT = "is that the URL of a Prometheus?"


class Series(NamedTuple):
    """One series of an answer."""

    labels: dict[str, str]
    """Those that are wanted."""
    value: str
    """As it was written: a number, NaN, +Inf; empty where it is no single number."""


class Remarks(NamedTuple):
    """What an answer says about itself; cleaned, bounded."""

    warnings: tuple[str, ...] = ()
    """That something may be missing from it."""
    infos: tuple[str, ...] = ()
    """About the query; nothing is missing for that."""


class Reader:
    """Takes an answer in pieces, and hands each series to `take` as soon as it is complete."""

    def __init__(self, access: Access, wanted: Collection[str], take: Callable[[Series], object]) -> None:
        self._access = access
        self._wanted = frozenset(wanted)
        self._take = take
        self._events: list[tuple[str, Any]] = ijson.sendable_list()
        self._parser = ijson.basic_parse_coro(self._events, use_float=True)
        self._bytes = 0
        self._unheard = 0
        """Bytes of a text whose end has not come."""
        self._where = ""
        """The innermost map or list, as `/data/result[]/metric/`: a map ends in /, a list in []."""
        self._outer: list[str] = []
        self._key = ""
        self._labels: dict[str, str] = {}
        self._value = ""
        self._said: dict[str, str] = {}
        self._remarks: dict[str, list[str]] = {_WARNINGS: [], _INFOS: []}
        self.series = 0

    def feed(self, piece: bytes) -> None:
        """Read the next piece.

        Raises:
            Unanswered: it is too much, or not what Prometheus answers.
        """
        self._bytes += len(piece)
        if self._bytes > self._access.most_bytes:
            size = f"{self._access.most_bytes // 2**20} MiB"
            raise Unanswered(
                failures.TOO_LARGE,
                f"the answer is larger than {size}: split the source by a query of its own",
            )
        try:
            self._parser.send(piece)
        except ijson.JSONError as error:
            self._hear()
            raise self._garbled() from error
        self._unheard = 0 if self._events else self._unheard + len(piece)
        if self._unheard > MOST_AT_ONCE:
            size = f"{MOST_AT_ONCE // 2**20} MiB"
            raise Unanswered(failures.TOO_LARGE, f"one label of the answer is larger than {size}")
        self._hear()

    def end(self) -> Remarks:
        """What the answer says about itself, now that all of it has come.

        Raises:
            Unanswered: it is an error, or not whole.
        """
        if not self._bytes:
            raise Unanswered(failures.NOT_PROMETHEUS, f"it answers nothing at all: {_IS_IT}")
        try:
            self._parser.close()
        except ijson.JSONError as error:
            raise Unanswered(failures.BROKEN_OFF, "the answer ends in the middle") from error
        self._hear()
        if self._said.get("status") == "error":
            raise failures.by_error(self._said.get("errorType", ""), self._said.get("error", ""))
        kind = self._said.get("resultType")
        if self._said.get("status") != "success" or kind is None:
            raise Unanswered(
                failures.NOT_PROMETHEUS, f"it answers something else than Prometheus does: {_IS_IT}"
            )
        if kind != "vector":
            raise Unanswered(
                failures.QUERY_REFUSED, f"the query gives a {words(kind, 40)}: it must give an instant vector"
            )
        return Remarks(tuple(self._remarks[_WARNINGS]), tuple(self._remarks[_INFOS]))

    def _garbled(self) -> Unanswered:
        if self._said:
            return Unanswered(failures.BROKEN_OFF, "the answer turns into something that is no JSON")
        return Unanswered(failures.NOT_PROMETHEUS, f"it answers something that is no JSON: {_IS_IT}")

    def _hear(self) -> None:
        """Follow what the parser has understood."""
        for event, value in self._events:
            if event == "map_key":
                self._key = value
            elif event in {"start_map", "start_array"}:
                self._enter(event)
            elif event in {"end_map", "end_array"}:
                self._leave()
            else:
                self._hold(event, value)
        self._events.clear()

    def _enter(self, event: str) -> None:
        if len(self._outer) > _DEEPEST:
            raise Unanswered(
                failures.NOT_PROMETHEUS, f"the answer nests deeper than any of Prometheus': {_IS_IT}"
            )
        self._outer.append(self._where)
        name = self._key if self._where.endswith("/") else ""
        self._where += f"{name}/" if event == "start_map" else f"{name}[]"

    def _leave(self) -> None:
        if self._where == _SERIES:
            self.series += 1
            if self.series > self._access.most_series:
                most = f"{self._access.most_series:,}"
                raise Unanswered(
                    failures.TOO_MANY_SERIES,
                    f"the answer has more than {most} series: aggregate away what does not tell calls apart, or split the"
                    " source",
                )
            self._take(Series(self._labels, self._value))
            self._labels, self._value = {}, ""
        self._where = self._outer.pop()

    def _hold(self, event: str, value: Any) -> None:
        """Keep a text, number or truth value that matters."""
        where, key = self._where, self._key
        if where == _METRIC:
            if event == "string" and key in self._wanted:
                self._labels[key] = value
        elif where == _VALUE:
            if event == "string":
                self._value = value
        elif (where, key) in _SAID:
            self._said[key] = str(value)
        elif where in self._remarks and len(self._remarks[where]) < _MOST_REMARKS:
            self._remarks[where].append(words(str(value)))
        elif (where, key) == ("/", "isPartial") and value is True:
            self._remarks[_WARNINGS].insert(0, _PARTIAL)
