"""Traffic that a real Prometheus scrapes, for the tests of what becomes of it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from support.asking import asking_of
from support.scraping import scraped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servicegraph.discovery.sources import Asking
    from servicegraph.local.traffic.counters import Counters
    from support.prometheuses import PrometheusServer


@pytest.fixture(scope="session")
def scraped_replicas(prometheus: PrometheusServer) -> Iterator[tuple[Counters, Counters]]:
    """Two collectors side by side; scraped for the whole run, as it takes Prometheus seconds to notice a new target."""
    with scraped(prometheus, replicas=2) as (one, other):
        yield one, other


@pytest.fixture
def replicas(scraped_replicas: tuple[Counters, Counters]) -> Iterator[tuple[Counters, Counters]]:
    """The same, for one test: empty before and after it."""
    yield scraped_replicas
    for one in scraped_replicas:
        one.restart()


@pytest.fixture
def counters(replicas: tuple[Counters, Counters]) -> Counters:
    """The counters of one collector, scraped each second."""
    return replicas[0]


@pytest.fixture
def home() -> str:
    """A namespace that no other test has traffic in."""
    return f"home-{secrets.token_hex(4)}"


@pytest.fixture
def asking(prometheus: PrometheusServer) -> Asking:
    """How the Prometheus of the run is asked, by the shortest interval and window that there are."""
    return asking_of(prometheus)
