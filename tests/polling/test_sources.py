"""Sources of telemetry come, change, sleep, lack their Secret, and go: what is polled, and what stands on their objects."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from polling.loop import INTERVAL, LATER, condition, running, secret, source, until
from polling.shop import opened
from servicegraph.local.cluster import OPERATOR_NAMESPACE
from servicegraph.model.sourcestatus import DiscoverySourceStatus
from servicegraph.reconcile.polls import IN_FLIGHT

if TYPE_CHECKING:
    from pathlib import Path

    from polling.loop import Loop
    from polling.shop import Shop
    from servicegraph.local.kubectl import Kubectl


async def test_the_status_tells_what_came_and_its_numbers_are_written_at_most_every_five_minutes(
    loop: Loop, shop: Shop, name: str
) -> None:
    shop.calls = {("shop/a", "shop/b"), ("shop/a", "shop/unknown"), ("shop/c", "shop/c")}
    await loop.apply(source(name, shop.url, interval="15s"))
    await loop.polled(name)
    status = await loop.source(name)
    DiscoverySourceStatus.model_validate(status, extra="forbid")
    assert condition(status, "Ready") == ("True", "Accepted")
    assert condition(status, "Healthy") == ("True", "Answering")
    told = {field: status["lastPoll"][field] for field in ("series", "edges", "quarantined")}
    assert told == {"series": 3, "edges": 1, "quarantined": 1}
    assert sum(status["lastPoll"]["dropped"].values()) == 1
    assert status["examples"]["quarantined"]

    before = (await loop.kube.get_source(name))["metadata"]["resourceVersion"]
    for _ in range(5):
        await loop.polled(name, after=timedelta(seconds=20))
    assert (await loop.kube.get_source(name))["metadata"]["resourceVersion"] == before
    await loop.polled(name, after=timedelta(minutes=5))
    assert (await loop.source(name))["lastPoll"]["time"] > status["lastPoll"]["time"]


async def test_a_changed_spec_is_polled_at_once_and_a_suspended_source_sleeps(
    loop: Loop, shop: Shop, name: str
) -> None:
    await loop.apply(source(name, shop.url, interval="1h"))
    await loop.polled(name)
    async with opened() as other:
        other.calls = {("shop/a", "shop/b")}
        await loop.apply(source(name, other.url, interval="1h"))
        await loop.polled(name)
        assert (await loop.source(name))["observedGeneration"] == 2
        assert (await loop.source(name))["lastPoll"]["edges"] == 1

        await loop.apply(source(name, other.url, interval="1h", suspend=True))
        await loop.settled()
        assert condition(await loop.source(name), "Ready") == ("True", "Suspended")
        asked = other.asked
        loop.clock.step(timedelta(days=3))
        loop.telemetry.polls.look_again()
        await loop.settled()
        assert other.asked == asked
        assert await loop.rows.edges() == {("shop/a", "shop/b")}, "what was seen stays as it is"

        await loop.apply(source(name, other.url, interval="1h"))
        await loop.polled(name)
        assert other.asked > asked


async def test_a_missing_secret_stalls_the_source_until_it_is_made(loop: Loop, shop: Shop, name: str) -> None:
    shop.token, token = "let-me-in", f"token-{secrets.token_hex(4)}"
    await loop.apply(source(name, shop.url, secret=token))
    await loop.polled(name)
    status = await loop.source(name)
    assert condition(status, "Ready") == ("False", "SecretMissing")
    assert condition(status, "Stalled") == ("True", "SecretMissing")
    assert condition(status, "Healthy") == ("False", "SecretMissing")
    assert token in next(one["message"] for one in status["conditions"] if one["type"] == "Ready")
    assert shop.asked == 0

    await loop.apply(secret(token, shop.token))
    try:
        await loop.polled(name, after=INTERVAL)
        status = await loop.source(name)
        assert condition(status, "Ready") == ("True", "Accepted")
        assert condition(status, "Healthy") == ("True", "Answering")
        assert condition(status, "Stalled") == ("", "")
    finally:
        await loop.delete("secret", token, f"--namespace={OPERATOR_NAMESPACE}")


async def test_a_deleted_source_takes_along_what_it_has_shown_and_nothing_else(
    loop: Loop, shop: Shop, name: str
) -> None:
    await loop.declare("a", "b")
    shop.calls = {loop.pair("a>b"), loop.pair("a>c")}
    await loop.apply(source(name, shop.url))
    await loop.polled(name)
    assert await loop.rows.edges() == shop.calls
    await loop.delete("discoverysource", name)
    await loop.settled()
    assert await loop.rows.edges() == {loop.pair("a>b")}
    assert await loop.rows.one("SELECT count(*) FROM providers WHERE name = $1", name) == 0
    assert await loop.observed("a") == ("Unknown", "NoProvider")


async def test_a_source_that_went_while_nobody_looked_is_forgotten_and_nothing_is_written_for_it(
    database: str, operator_kubeconfig: Path, kubectl: Kubectl, namespace: str, shop: Shop, name: str
) -> None:
    shop.calls = {("shop/a", "shop/b")}
    where = (database, operator_kubeconfig, kubectl, namespace)
    async with opened() as implicit:
        implicit.calls = {("shop/p", "shop/q")}
        async with running(*where, prometheus_url=implicit.url) as loop:
            await loop.apply(source(name, shop.url))
            await loop.polled(name)
            await loop.polled("default")
            await loop.declare("watched", "nowhere")
            await loop.polled("default", after=LATER)
            assert await loop.observed("watched") == ("False", "NeverObserved")
            assert await loop.rows.edges() == {*shop.calls, *implicit.calls, loop.pair("watched>nowhere")}
            before, clock = await loop.versions(), loop.clock
        kubectl("delete", "discoverysource", name)
        async with running(*where, clock, prometheus_url=implicit.url) as loop:
            await loop.polled("default")
            assert await loop.rows.edges() == {*implicit.calls, loop.pair("watched>nowhere")}
            assert await loop.versions() == before


async def test_an_object_called_default_takes_the_place_of_the_implicit_source(
    database: str, operator_kubeconfig: Path, kubectl: Kubectl, namespace: str, shop: Shop
) -> None:
    async with (
        opened() as implicit,
        running(database, operator_kubeconfig, kubectl, namespace, prometheus_url=implicit.url) as loop,
    ):
        await until(lambda: "default" in loop.telemetry.polls.results, "the implicit source is polled")
        try:
            await loop.apply(source("default", shop.url))
            await loop.polled("default")
            assert shop.asked > 0
        finally:
            await loop.delete("discoverysource", "default")
        asked = implicit.asked
        await loop.polled("default")
        assert implicit.asked > asked


async def test_each_source_is_polled_by_itself_and_only_a_few_at_the_same_time(
    loop: Loop, shop: Shop, name: str
) -> None:
    shop.open.clear()
    names = [f"{name}-{at}" for at in range(IN_FLIGHT + 3)]
    try:
        await loop.apply(*(source(one, shop.url) for one in names))
        await until(lambda: shop.at_once == IN_FLIGHT, "as many as may are under way")
        loop.clock.step(INTERVAL * 2)
        loop.telemetry.polls.look_again()
        shop.open.set()
        await until(lambda: len(loop.telemetry.polls.results) == len(names), "all have had their turn")
        await loop.settled()
        assert shop.most_at_once == IN_FLIGHT
    finally:
        shop.open.set()
        await loop.delete("discoverysource", *names)
