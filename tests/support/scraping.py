"""Traffic that a real Prometheus scrapes."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING

from servicegraph.local.traffic import exporter
from servicegraph.local.traffic.counters import Counters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.prometheuses import PrometheusServer


@contextlib.contextmanager
def scraped(prometheus: PrometheusServer, replicas: int = 1) -> Iterator[list[Counters]]:
    """Counters of as many collectors, empty and scraped for the time of the block."""
    made = [Counters() for _ in range(replicas)]
    with contextlib.ExitStack() as stack:
        at = [stack.enter_context(exporter.serve(counters)) for counters in made]
        stack.enter_context(prometheus.scraping(f"test-{secrets.token_hex(4)}", *at))
        yield made
