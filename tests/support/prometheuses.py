"""The Prometheus server of a test run.

`TEST_PROMETHEUS_URL`, else a child process of the program that `servicegraph.local.prometheus.programs` finds.
"""

from __future__ import annotations

import contextlib
import json
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from servicegraph.local import ports
from servicegraph.local.process import Process
from servicegraph.local.prometheus.server import Prometheus, Targets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from servicegraph.local.prometheus.programs import Program
    from servicegraph.settings import LocalSettings


@dataclass(frozen=True, slots=True)
class PrometheusServer:
    """A Prometheus that tests may have scrape what they like, each second.

    Attributes:
        url: where it answers.
        targets: what it scrapes.
        process: the child process, when it is one.
    """

    url: str
    targets: Targets
    process: Process | None = None

    @contextlib.contextmanager
    def scraping(self, name: str, *at: int) -> Iterator[None]:
        """Scrape these ports of 127.0.0.1 for the time of the block."""
        self.targets.add(name, *at)
        try:
            yield
        finally:
            self.targets.remove(name)

    def query(self, promql: str) -> list[dict[str, Any]]:
        """The result of an instant query: series with their labels and values."""
        asked = f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': promql})}"
        with urllib.request.urlopen(asked, timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return found


@contextlib.contextmanager
def serve(
    settings: LocalSettings, folder: Path, program: Callable[[], Program]
) -> Iterator[PrometheusServer]:
    """A server for the time of the block; `folder` is for a child process's files."""
    if settings.test_prometheus_url:
        assert settings.test_prometheus_targets is not None, (
            "TEST_PROMETHEUS_URL needs TEST_PROMETHEUS_TARGETS"
        )
        yield PrometheusServer(settings.test_prometheus_url, Targets(settings.test_prometheus_targets))
        return
    server = Prometheus(folder, folder / "prometheus.log", ports.free(), program(), scrape_seconds=1)
    server.prepare()
    with Process(server.command()) as process:
        process.await_ready(server.is_ready)
        yield PrometheusServer(server.url, server.targets, process)
