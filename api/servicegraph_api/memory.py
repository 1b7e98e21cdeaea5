"""What was worked out from one version of the graph, kept to be used again: whole answers, and what answers are made of.

A new version empties it, so nothing in it can be out of date. It is bounded for any clients: the answers that were not asked
for the longest go first.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from servicegraph_api.fragments import Fragments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from servicegraph.graph.columns import Mark

_ROOM = 32 * 1024 * 1024
"""Bytes of answers that are kept: some 800 of the size of 200 edges."""

_OVERHEAD = 1024
"""Bytes that an answer takes beside its body and its key: headers and bookkeeping."""


@dataclass(slots=True)
class Answer:
    """A finished answer: 200, or 304 for who has it already."""

    body: bytes
    headers: Mapping[str, str]
    tag: str
    """The entity tag without its quotes."""
    route: web.AbstractRoute | None = None
    """Whose answer it is; None for one that is not kept."""


class Memory:
    """Answers and fragments of the newest graph, as many as `room` bytes hold."""

    def __init__(self, room: int = _ROOM) -> None:
        self._room = room
        self._mark: Mark | None = None
        self._answers: OrderedDict[tuple[str, ...], Answer] = OrderedDict()
        self._used = 0
        self.fragments = Fragments()

    def turn_to(self, mark: Mark) -> None:
        """Forget everything unless it was made from the graph with this mark."""
        if mark is not self._mark and mark != self._mark:  # the first question alone is nearly free
            self._mark = mark
            self._answers.clear()
            self._used = 0
            self.fragments = Fragments()

    def recall(self, key: tuple[str, ...]) -> Answer | None:
        """The answer kept under `key`."""
        answer = self._answers.get(key)
        if answer is not None:
            self._answers.move_to_end(key)
        return answer

    def keep(self, key: tuple[str, ...], answer: Answer) -> None:
        """Keep `answer` under `key`, which has none yet; older ones make room. One larger than all room is not kept."""
        size = _size(key, answer)
        if size > self._room:
            return
        self._answers[key] = answer
        self._used += size
        while self._used > self._room:
            self._used -= _size(*self._answers.popitem(last=False))


def _size(key: tuple[str, ...], answer: Answer) -> int:
    return len(answer.body) + sum(map(len, key)) + _OVERHEAD
