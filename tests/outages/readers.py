"""Somebody who reads over HTTP all the time, and remembers whatever a reader must never see."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from support.operators import Answer, Operator

_EDGES = "/api/v1/edges?limit=1000"
_PAUSE_SECONDS = 0.02


@dataclass
class Reader:
    """`with Reader(operator):` fails at its end if an answer in between was none, or an empty graph, or went back.

    The operator must have a graph with at least one edge before, and is not to be stopped inside.
    """

    operator: Operator
    stale: int = 0
    """Answers that said that they may be old."""
    answers: int = 0
    wrong: list[str] = field(default_factory=list)
    _version: int = 0

    def __enter__(self) -> Self:
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._read, name="reader", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        if kind is None:
            assert not self.wrong, self.wrong[:5]
            assert self.answers, "nothing was read"

    def _read(self) -> None:
        while not self._ending.is_set():
            try:
                for path in (_EDGES, "/readyz", "/healthz"):
                    self._look_at(path, self.operator.get(path))
            except OSError as error:
                self.wrong.append(f"no answer: {error}")
            self._ending.wait(_PAUSE_SECONDS)

    def _look_at(self, path: str, answer: Answer) -> None:
        if answer.status != 200:
            self.wrong.append(f"{path} answered {answer.status}: {answer.body[:200]!r}")
        if path != _EDGES or answer.status != 200:
            return
        self.answers += 1
        version = int(answer.headers["X-Graph-Version"])
        if version < self._version:
            self.wrong.append(f"the version went back from {self._version} to {version}")
        self._version = version
        if not answer.json()["items"]:
            self.wrong.append(f"an empty graph, version {version}")
        if answer.headers.get("X-Graph-Stale") == "true":
            self.stale += 1
            if not answer.headers.get("X-Graph-Age", "").isdigit():
                self.wrong.append("stale without an age")
