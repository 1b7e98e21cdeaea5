"""What becomes of polls while the API server or Postgres is away."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from faults.apiserver import ApiServerProxy
from faults.postgres import PostgresProxy
from polling.loop import INTERVAL, LATER, running, secret, source, until
from servicegraph.local.cluster import OPERATOR_NAMESPACE
from servicegraph.model.discoverysource import PLURAL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aiohttp import web

    from polling.shop import Shop
    from servicegraph.local.kubectl import Kubectl


@pytest.fixture
def apiserver(tmp_path: Path, operator_kubeconfig: Path) -> Iterator[ApiServerProxy]:
    with ApiServerProxy(operator_kubeconfig, tmp_path) as proxy:
        yield proxy


@pytest.fixture
def postgres(database: str) -> Iterator[PostgresProxy]:
    with PostgresProxy(database) as proxy:
        yield proxy


async def test_a_list_that_fails_forgets_no_source_and_the_next_that_works_does(
    database: str, apiserver: ApiServerProxy, kubectl: Kubectl, namespace: str, shop: Shop, name: str
) -> None:
    shop.calls = {("shop/a", "shop/b")}
    failed: list[str] = []

    def is_list_of_sources(request: web.BaseRequest) -> bool:
        if request.method != "GET" or not request.path.endswith(f"/{PLURAL}"):
            return False
        failed.append(request.path)
        return True

    async with running(database, apiserver.kubeconfig, kubectl, namespace) as loop:
        await loop.apply(source(name, shop.url))
        await loop.polled(name)
        assert await loop.rows.edges() == shop.calls
    kubectl("delete", "discoverysource", name)
    apiserver.answer(503, is_list_of_sources)
    async with running(database, apiserver.kubeconfig, kubectl, namespace, listed=False) as loop:
        # By the third failure everything else of the start is long over: one query, and a list of no declarations.
        await until(lambda: len(failed) >= 3, "the list is tried again and again")
        assert "sources" in loop.health.degraded()
        assert not loop.telemetry.known.is_set()
        assert await loop.rows.edges() == shop.calls
        apiserver.heal()
        await loop.telemetry.begun.wait()
        await loop.settled()
        assert await loop.rows.edges() == set()


async def test_polls_go_on_without_the_api_server_by_the_secrets_that_were_read_last(
    database: str, apiserver: ApiServerProxy, kubectl: Kubectl, namespace: str, shop: Shop, name: str
) -> None:
    shop.token, token = "let-me-in", f"token-{secrets.token_hex(4)}"
    async with running(database, apiserver.kubeconfig, kubectl, namespace) as loop:
        await loop.apply(secret(token, shop.token))
        try:
            await loop.apply(source(name, shop.url, secret=token))
            await loop.polled(name)
            apiserver.refuse()
            shop.calls = {("shop/a", "shop/b")}
            result = await loop.next_result(name, after=LATER)
            assert result.failure is None
            assert await loop.rows.edges() == shop.calls
        finally:
            apiserver.heal()
            kubectl("delete", "secret", token, f"--namespace={OPERATOR_NAMESPACE}")


async def test_a_poll_waits_for_postgres_and_one_that_has_grown_old_is_made_anew(
    postgres: PostgresProxy,
    operator_kubeconfig: Path,
    kubectl: Kubectl,
    namespace: str,
    shop: Shop,
    name: str,
) -> None:
    async with running(postgres.url, operator_kubeconfig, kubectl, namespace) as loop:
        await loop.apply(source(name, shop.url))
        await loop.polled(name)
        postgres.refuse()
        postgres.cut()
        shop.calls = {("shop/old", "shop/b")}
        before, asked = loop.telemetry.polls.results[name], shop.asked
        loop.clock.step(LATER)
        loop.telemetry.polls.look_again()
        await until(lambda: "telemetry" in loop.health.degraded(), "it is told that a poll waits")
        assert loop.telemetry.polls.results[name] is before
        shop.calls = {("shop/new", "shop/b")}
        first = shop.asked
        assert first > asked
        loop.clock.step(INTERVAL)
        await until(lambda: loop.telemetry.polls.is_resting, "the old poll is given up")
        postgres.heal()
        await loop.next_result(name, after=INTERVAL)
        await loop.settled()
        assert await loop.rows.edges() == shop.calls
        assert "telemetry" not in loop.health.degraded()
