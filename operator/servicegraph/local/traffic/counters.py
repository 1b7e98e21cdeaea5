"""The counters behind the series, and the page of them that Prometheus scrapes.

A series exists from its first call on, and starts at that call: nothing is ever shown as 0. Calls that failed are a series of
their own. Who drives the counters decides what happens: a player for the demo, a test step by step.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servicegraph.local.traffic.calls import Call

_METRIC = "traces_service_graph_request"
_BUCKETS = (0.002, 0.004, 0.006, 0.008, 0.01, 0.05, 0.1, 0.2, 0.4, 0.8, 1, 1.4, 2, 5, 10, 15)
_SECONDS = {"server": 0.01, "client": 0.02}  # how long each call takes, seen from either end


@dataclass(slots=True)
class Counters:
    """The counters of one collector; safe to use from several threads."""

    _counts: dict[tuple[Call, bool], int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, call: Call, times: int = 1, *, failed: bool = False) -> None:
        """The call happened `times` more."""
        with self._lock:
            self._counts[call, failed] = self._counts.get((call, failed), 0) + times

    def expire(self, call: Call) -> None:
        """Show the call no more, as a collector does some minutes after it last happened."""
        with self._lock:
            for failed in (False, True):
                self._counts.pop((call, failed), None)

    def restart(self) -> None:
        """Begin anew, as a collector does that was restarted: no series at all until calls happen."""
        with self._lock:
            self._counts.clear()

    def page(self) -> str:
        """All series in the text format of Prometheus."""
        with self._lock:
            rows = [_Row(call, failed, count) for (call, failed), count in self._counts.items()]
        failures = [row for row in rows if row.failed]
        lines = [f"# TYPE {_METRIC}_total counter", *(row.line("total", row.count) for row in rows)]
        if failures:
            lines += [f"# TYPE {_METRIC}_failed_total counter"]
            lines += [row.line("failed_total", row.count) for row in failures]
        for end, seconds in _SECONDS.items():
            lines += [f"# TYPE {_METRIC}_{end}_seconds histogram"]
            lines += [line for row in rows for line in row.histogram(f"{end}_seconds", seconds)]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class _Row:
    """A call, whether it failed, how often."""

    call: Call
    failed: bool
    count: int

    def line(self, name: str, value: float, **more: str) -> str:
        labels = sorted((*self.call.labels, ("failed", str(self.failed).lower()), *more.items()))
        inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
        return f"{_METRIC}_{name}{{{inside}}} {value}"

    def histogram(self, name: str, seconds: float) -> Iterator[str]:
        for bound in _BUCKETS:
            yield self.line(f"{name}_bucket", self.count if seconds <= bound else 0, le=f"{bound:g}")
        yield self.line(f"{name}_bucket", self.count, le="+Inf")
        yield self.line(f"{name}_sum", round(self.count * seconds, 3))
        yield self.line(f"{name}_count", self.count)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
