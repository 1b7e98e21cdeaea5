"""Limits that servers share in Valkey: together they allow what one allows, and none of them depends on it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from redis.asyncio import Redis

from servicegraph import metrics
from servicegraph.clock import SystemClock
from servicegraph.errors import SettingsError
from servicegraph.model.apikey import forge
from servicegraph_api import shared as shared_buckets
from servicegraph_api.buckets import rate
from servicegraph_api.shared import SharedBuckets
from support import shop
from support.keyed import made_of
from support.serving import serving
from support.valkeys import Valkey

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from servicegraph.settings import LocalSettings
    from support.serving import Serving

SERVICES = "/api/v1/services"


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A server that the tests of this module may hurt; whoever breaks it mends it."""
    with Valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture
def url(valkey: Valkey, local_settings: LocalSettings, monkeypatch: pytest.MonkeyPatch) -> str:
    """A server that is left whole, and waited for however busy the machine is."""
    monkeypatch.setattr(shared_buckets, "PATIENCE_SECONDS", 60.0)
    return local_settings.test_redis_url or valkey.url


@asynccontextmanager
async def buckets(url: str, prefix: str | None = None) -> AsyncIterator[SharedBuckets]:
    """Buckets on the server, of nobody else unless they are asked for by prefix."""
    shared = SharedBuckets(url, prefix or f"{forge()[3:11]}:", SystemClock())
    try:
        yield shared
    finally:
        await shared.close()


@asynccontextmanager
async def replicas(url: str) -> AsyncIterator[tuple[Serving, Serving, str]]:
    """Two servers that share their limits, and a key that may ask ten times a minute."""
    prefix, key = f"{forge()[3:11]}:", forge()
    async with (
        buckets(url, prefix) as one,
        buckets(url, prefix) as two,
        serving(shop.snapshot(), shared=one) as first,
        serving(shop.snapshot(), shared=two) as second,
    ):
        for server in (first, second):
            server.ring.hold(made_of(key, query_limit=10))
        yield first, second, key


async def statuses(server: Serving, key: str, count: int) -> list[int]:
    return [(await server.get(SERVICES, key=key)).status for _ in range(count)]


async def shared_again(*servers: SharedBuckets) -> None:
    async with asyncio.timeout(60):
        while any(server.problem() for server in servers):  # noqa: ASYNC110 - it rings no bell for tests
            await asyncio.sleep(0.01)


async def test_replicas_count_together(url: str) -> None:
    async with replicas(url) as (first, second, key):
        assert await statuses(first, key, 6) == [200] * 6
        reply = await second.get(SERVICES, key=key)
        assert (reply.status, reply.headers["RateLimit-Remaining"]) == (200, "3")
        assert await statuses(second, key, 4) == [200] * 3 + [429]
        refused = await first.get(SERVICES, key=key)
        assert (refused.status, refused.headers["RateLimit-Limit"]) == (429, "10")
        assert int(refused.headers["Retry-After"]) <= 6


async def test_of_requests_that_come_together_no_more_than_allowed_are_let_in(url: str) -> None:
    prefix = f"{forge()[3:11]}:"
    async with buckets(url, prefix) as one, buckets(url, prefix) as two:
        found = await asyncio.gather(*(each.take("a", 2) for each in (one, two) for _ in range(40)))
        assert None not in found
        allowed = [verdict for verdict in found if verdict is not None and verdict.allowed]
        assert len(allowed) == 2, "half a minute would have to pass for a third"


async def test_a_bucket_refills_by_the_clock_of_the_server_and_is_forgotten_when_full(url: str) -> None:
    async with buckets(url, "refill:") as shared, Redis.from_url(url) as redis:
        await redis.delete("refill:a")
        verdict = await shared.take("a", 10)
        assert verdict is not None
        assert (verdict.allowed, verdict.remaining, verdict.missing) == (True, 9, rate(10).token)
        left = await redis.pttl("refill:a")
        assert 0 < left <= 6_000
        # As if its six seconds had passed.
        await redis.delete("refill:a")
        again = await shared.take("a", 10)
        assert again == verdict


async def test_a_script_that_was_forgotten_is_told_again(url: str) -> None:
    async with buckets(url) as shared, Redis.from_url(url) as redis:
        assert await shared.take("a", 10) is not None
        await redis.script_flush()
        assert await shared.take("a", 10) is not None
        assert shared.problem() is None


async def test_a_server_that_was_emptied_gives_full_buckets(url: str, valkey: Valkey) -> None:
    assert url
    async with replicas(valkey.url) as (first, _, key):
        assert await statuses(first, key, 11) == [200] * 10 + [429]
        assert valkey.ask("FLUSHALL") == b"+OK\r\n"
        assert await statuses(first, key, 2) == [200, 200]


@pytest.mark.parametrize("fault", ["kill", "freeze"])
async def test_without_the_server_each_counts_alone_from_where_it_was(valkey: Valkey, fault: str) -> None:
    shared_before = metrics.registry.get_sample_value("servicegraph_limits_shared")
    async with (
        buckets(valkey.url, "fault:") as shared,
        serving(shop.snapshot(), shared=shared) as server,
    ):
        valkey.ask("FLUSHALL")
        key = forge()
        server.ring.hold(made_of(key, query_limit=10))
        assert await statuses(server, key, 4) == [200] * 4
        getattr(valkey, fault)()
        try:
            assert await statuses(server, key, 7) == [200] * 6 + [429], "no more than are left"
            assert "each process counts rate limits by itself" in str(shared.problem())
            assert metrics.registry.get_sample_value("servicegraph_limits_shared") == 0
            server.clock.step(timedelta(minutes=1))
            assert await statuses(server, key, 11) == [200] * 10 + [429]
        finally:
            if fault == "kill":
                valkey.start()
            else:
                valkey.thaw()
        await shared_again(shared)
        assert metrics.registry.get_sample_value("servicegraph_limits_shared") == shared_before == 1
        assert valkey.ask("DBSIZE") != b":0\r\n" or fault == "kill"
        await server.get(SERVICES, key=key)
        assert valkey.ask("DBSIZE") != b":0\r\n", "the server counts again"


async def test_a_crowd_that_meets_a_frozen_server_is_answered(valkey: Valkey) -> None:
    async with (
        buckets(valkey.url) as shared,
        serving(shop.snapshot(), shared=shared) as server,
    ):
        key = forge()
        server.ring.hold(made_of(key, query_limit=1_000))
        assert (await server.get(SERVICES, key=key)).status == 200
        valkey.freeze()
        try:
            found = await asyncio.gather(*(server.get(SERVICES, key=key) for _ in range(200)))
        finally:
            valkey.thaw()
        assert {reply.status for reply in found} == {200}
        await shared_again(shared)


async def test_a_server_that_was_never_there_costs_nobody_an_answer() -> None:
    async with (
        buckets("redis://127.0.0.1:1/0") as shared,
        serving(shop.snapshot(), shared=shared) as server,
    ):
        assert await statuses(server, server_key(server), 3) == [200] * 3
        assert shared.problem() is not None


@pytest.mark.parametrize("url", ["localhost:6379", "http://localhost", "redis://localhost:port"])
async def test_an_address_that_is_none_is_told_what_one_looks_like(url: str) -> None:
    with pytest.raises(SettingsError, match="REDIS_URL"):
        SharedBuckets(url, "", SystemClock())


def server_key(server: Serving) -> str:
    key = forge()
    server.ring.hold(made_of(key, query_limit=10))
    return key
