"""How often somebody may ask, and what is said to those who ask more often."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp.test_utils import make_mocked_request

from servicegraph import metrics
from servicegraph.model.apikey import Scope, forge, id_of
from servicegraph.settings import Settings
from servicegraph_api.guard import Guard, _address
from servicegraph_api.limits import Limits
from servicegraph_api.problems import Problem
from support import shop
from support.keyed import made_of
from support.serving import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.serving import Reply, Serving

SERVICES = "/api/v1/services"


@pytest.fixture
async def strict() -> AsyncIterator[Serving]:
    """The shop, where three looks a minute are allowed."""
    async with serving(shop.snapshot(), rate_limit_query=3, anonymous_read=True) as server:
        yield server


def hold(server: Serving, query_limit: int | None, scope: Scope = Scope.READ) -> str:
    """A new key with this limit."""
    key = forge()
    server.ring.hold(made_of(key, scope, query_limit=query_limit))
    return key


async def statuses(server: Serving, count: int, **how: Any) -> list[int]:
    return [(await server.get(SERVICES, **how)).status for _ in range(count)]


def standing(reply: Reply) -> tuple[str, ...]:
    return tuple(reply.headers[f"RateLimit-{name}"] for name in ("Limit", "Remaining", "Reset"))


async def test_a_key_may_ask_as_often_as_the_setting_says(strict: Serving) -> None:
    key = hold(strict, query_limit=None)
    assert await statuses(strict, 4, key=key) == [200, 200, 200, 429]


async def test_who_asks_too_often_is_told_when_to_come_back(strict: Serving) -> None:
    key = hold(strict, query_limit=None)
    await statuses(strict, 3, key=key)
    reply = await strict.get(SERVICES, key=key)
    assert reply.headers["Retry-After"] == "20"
    assert "the limit of 3 requests a minute is used up" in reply.detail
    assert "one more is possible in 20 s" in reply.detail
    assert "--query-limit" in reply.detail
    strict.clock.step(timedelta(seconds=20))
    assert await statuses(strict, 2, key=key) == [200, 429]


async def test_every_answer_tells_how_the_bucket_stands(strict: Serving) -> None:
    key = hold(strict, query_limit=10)
    assert standing(await strict.get(SERVICES, key=key)) == ("10", "9", "6")
    assert standing(await strict.get(f"{SERVICES}/shop/nothing", key=key)) == ("10", "8", "12")
    assert standing(await strict.get(f"{SERVICES}?limit=0", key=key)) == ("10", "7", "18")
    tag = (await strict.get(SERVICES, key=key)).headers["ETag"]
    known = await strict.get(SERVICES, key=key, If_None_Match=tag)
    assert (known.status, standing(known)) == (304, ("10", "5", "30"))
    await statuses(strict, 5, key=key)
    assert standing(await strict.get(SERVICES, key=key)) == ("10", "0", "60")


async def test_a_key_with_a_limit_of_its_own_has_that(strict: Serving) -> None:
    assert await statuses(strict, 6, key=hold(strict, query_limit=5)) == [200] * 5 + [429]


async def test_a_key_without_a_limit_is_told_of_none(strict: Serving) -> None:
    key = hold(strict, query_limit=0)
    assert await statuses(strict, 50, key=key) == [200] * 50
    assert not [name for name in (await strict.get(SERVICES, key=key)).headers if "RateLimit" in name]


async def test_one_key_takes_nothing_from_another(strict: Serving) -> None:
    first, second = hold(strict, None), hold(strict, None)
    assert await statuses(strict, 4, key=first) == [200, 200, 200, 429]
    assert await statuses(strict, 4, key=second) == [200, 200, 200, 429]


async def test_who_has_no_key_is_limited_by_address(strict: Serving) -> None:
    assert await statuses(strict, 4, key=None) == [200, 200, 200, 429]
    assert (await strict.get(SERVICES)).status == 200, "a key has its own bucket"


async def test_probes_and_metrics_are_not_limited(strict: Serving) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert {(await strict.get(path, key=None)).status for _ in range(10)} == {200}


async def test_who_fails_too_often_is_not_even_listened_to(served: Serving) -> None:
    assert await statuses(served, 60, key=forge()) == [401] * 60
    asked = len(served.ring.asked)
    reply = await served.get(SERVICES, key=forge())
    assert reply.status == 429
    assert "mend the key" in reply.detail
    assert reply.headers["Retry-After"] == "1"
    assert len(served.ring.asked) == asked, "a flood of wrong keys is no flood of questions"
    assert (await served.get(SERVICES, key=None)).status == 429
    assert (await served.get(SERVICES)).status == 200, (
        "whoever has a good key is let in from there all the same"
    )
    served.clock.step(timedelta(seconds=1))
    assert (await served.get(SERVICES, key=None)).status == 401


async def test_refusals_are_counted(strict: Serving) -> None:
    def counted() -> float:
        return metrics.registry.get_sample_value("servicegraph_rate_limited_total", {"kind": "query"}) or 0

    before, key = counted(), hold(strict, 1)
    await statuses(strict, 3, key=key)
    assert counted() == before + 2


@pytest.mark.parametrize(
    ("remote", "same"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "-"),
        ("/run/socket", "-"),
    ],
)
def test_one_sender_has_one_address(remote: str, same: str) -> None:
    assert _address(make_mocked_request("GET", "/").clone(remote=remote)) == same


async def test_a_scope_that_is_too_small_is_told_which_is_needed(served: Serving) -> None:
    key = forge()
    served.ring.hold(made_of(key, Scope.READ, ingestion_limit=None))
    guard = Guard(served.ring, Limits(served.clock), served.clock, Settings(rate_limit_ingestion=2))
    request = make_mocked_request("POST", "/", headers={"X-API-Key": key})
    for _ in range(2):
        with pytest.raises(Problem, match=f"{id_of(key)} allows read, and this needs ingest") as refused:
            await guard.admit(request, Scope.INGEST)
        assert refused.value.status == 403
        assert "--scope ingest" in refused.value.message
    with pytest.raises(Problem, match="--ingestion-limit"):
        await guard.admit(request, Scope.INGEST)
