"""Who is let in: keys, their scopes and ends, and what is said to those who are not."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from servicegraph import metrics
from servicegraph.model.apikey import Scope, forge, id_of
from support import shop
from support.keyed import KEY, made_of
from support.serving import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.serving import Serving

SERVICES = "/api/v1/services"
YEAR = timedelta(days=365)


@pytest.fixture
async def anonymous() -> AsyncIterator[Serving]:
    """The shop, served to everybody."""
    async with serving(shop.snapshot(), anonymous_read=True) as server:
        yield server


def slipped(key: str) -> str:
    """The key with one wrong letter."""
    return key[:20] + ("a" if key[20] != "a" else "b") + key[21:]


async def test_without_a_key_nobody_reads_and_everybody_is_told_how(served: Serving) -> None:
    reply = await served.get(SERVICES, key=None)
    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"] == 'Bearer realm="servicegraph"'
    for word in ("X-API-Key", "Authorization: Bearer", "servicegraph api-keys create"):
        assert word in reply.detail


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/nothing"])
async def test_what_machines_ask_needs_no_key(served: Serving, path: str) -> None:
    assert (await served.get(path, key=None)).status in {200, 404}
    assert (await served.get(path, key="nonsense")).status in {200, 404}


@pytest.mark.parametrize(
    "header", [{"X_API_Key": KEY}, {"Authorization": f"Bearer {KEY}"}, {"Authorization": f"bearer  {KEY} "}]
)
async def test_a_key_is_taken_from_either_header(served: Serving, header: dict[str, str]) -> None:
    assert (await served.get(SERVICES, key=None, **header)).status == 200
    assert served.ring.uses == [id_of(KEY)]


async def test_a_key_opens_to_head_as_to_get(served: Serving) -> None:
    assert (await served.get(SERVICES, method="HEAD")).status == 200
    assert (await served.get(SERVICES, method="HEAD", key=None)).status == 401


@pytest.mark.parametrize(
    "key",
    ["nonsense", "", slipped(KEY), KEY[:-1], f"{KEY}0", KEY.lower(), "sg_", "\u00e9" * 61, "x" * 8_000],
    ids=range(9),  # the key differs in each worker, and names of tests must not
)
async def test_what_is_no_key_is_told_what_one_looks_like(served: Serving, key: str) -> None:
    reply = await served.get(SERVICES, key=key)
    assert reply.status == 401
    assert "one reads sg_, 8 letters or digits, _ and 49 more" in reply.detail
    assert served.ring.asked == [], "nobody has to be asked about that"


async def test_basic_authentication_is_no_key(served: Serving) -> None:
    reply = await served.get(SERVICES, key=None, Authorization="Basic dXNlcjpwYXNz")
    assert reply.status == 401
    assert "X-API-Key" in reply.detail


async def test_a_key_of_somewhere_else_and_a_wrong_secret_are_told_the_same(served: Serving) -> None:
    stranger = forge()
    served.ring.new[str(id_of(stranger))] = made_of(forge())
    unknown, wrong = await served.get(SERVICES, key=forge()), await served.get(SERVICES, key=stranger)
    assert (unknown.status, unknown.detail) == (wrong.status, wrong.detail)
    assert unknown.status == 401
    assert "there is no such key here" in unknown.detail


async def test_a_key_that_was_made_just_now_is_looked_up(served: Serving) -> None:
    fresh = forge()
    served.ring.new[str(id_of(fresh))] = made_of(fresh)
    assert (await served.get(SERVICES, key=fresh)).status == 200
    assert served.ring.asked == [id_of(fresh)]


async def test_while_nobody_can_be_asked_a_stranger_is_told_to_come_back(served: Serving) -> None:
    served.ring.away = True
    reply = await served.get(SERVICES, key=forge())
    assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
    assert (await served.get(SERVICES)).status == 200, "who is known is let in"


async def test_a_key_that_expires_is_refused_from_that_moment_on(served: Serving) -> None:
    ending = forge()
    served.ring.hold(made_of(ending, expires_at=served.clock.now() + YEAR))
    assert (await served.get(SERVICES, key=ending)).status == 200
    served.clock.step(YEAR)
    reply = await served.get(SERVICES, key=ending)
    assert reply.status == 401
    assert f"the key {id_of(ending)} expired at 2027-01-01" in reply.detail


async def test_a_key_that_is_revoked_is_refused(served: Serving) -> None:
    served.ring.hold(made_of(KEY, revoked_at=datetime(2026, 1, 1, tzinfo=UTC)))
    reply = await served.get(SERVICES)
    assert reply.status == 401
    assert f"the key {id_of(KEY)} was revoked at 2026-01-01" in reply.detail
    assert served.ring.uses == []


@pytest.mark.parametrize("scope", Scope)
async def test_every_scope_may_read(served: Serving, scope: Scope) -> None:
    key = forge()
    served.ring.hold(made_of(key, scope))
    assert (await served.get(SERVICES, key=key)).status == 200


@pytest.mark.parametrize(
    "path",
    [
        f"{SERVICES}?key={KEY}",
        f"{SERVICES}?api_key={KEY}",
        f"{SERVICES}/{KEY}/x",
        f"{SERVICES}?q={KEY.replace('_', '%5F')}",
        f"/{KEY}",
        f"/metrics?token={KEY}",
        f"{SERVICES}?q={slipped(KEY)}",
    ],
    ids=range(7),
)
async def test_a_key_in_the_url_is_refused_and_not_repeated(served: Serving, path: str) -> None:
    for key in (KEY, None):
        reply = await served.get(path, key=key)
        assert reply.status == 400
        assert "a key in the URL" in reply.detail
        assert "api-keys revoke" in reply.detail
        assert KEY[12:].encode() not in reply.body


async def test_a_name_that_begins_like_a_key_is_a_name(served: Serving) -> None:
    assert (await served.get(f"{SERVICES}/shop/sg_team_service")).status == 404


async def test_everybody_may_read_where_that_is_set(anonymous: Serving) -> None:
    assert (await anonymous.get(SERVICES, key=None)).status == 200
    assert (await anonymous.get(SERVICES)).status == 200


async def test_a_wrong_key_is_refused_even_where_none_is_needed(anonymous: Serving) -> None:
    assert (await anonymous.get(SERVICES, key=forge())).status == 401


async def test_refusals_are_counted_by_their_reason(served: Serving) -> None:
    def counted(reason: str) -> float:
        return metrics.registry.get_sample_value("servicegraph_auth_failures_total", {"reason": reason}) or 0

    reasons = ("missing", "malformed", "unknown", "in_url")
    before = [counted(reason) for reason in reasons]
    await served.get(SERVICES, key=None)
    await served.get(SERVICES, key="x")
    await served.get(SERVICES, key=forge())
    await served.get(f"{SERVICES}?key={KEY}")
    assert [counted(reason) for reason in reasons] == [count + 1 for count in before]


async def test_no_key_stands_in_logs_metrics_and_answers(
    served: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    keys = [KEY, forge(), slipped(KEY)]
    with caplog.at_level(logging.DEBUG):
        said = [
            (await served.get(path, key=key)).body
            for key in keys
            for path in (SERVICES, f"{SERVICES}?key={key}", f"{SERVICES}/shop/nothing?kind={key}", f"/{key}")
        ]
        said.append((await served.get("/metrics")).body)
    everything = b"\n".join(said).decode() + caplog.text
    assert "servicegraph_auth_failures_total" in everything
    for key in keys:
        assert key[12:] not in everything
