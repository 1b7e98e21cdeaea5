"""The port where the API server asks: it allows everything, within a second, whatever happens."""

from __future__ import annotations

import asyncio
import ssl
import threading
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson
import pytest

from servicegraph.certificates import server_certificate
from servicegraph.clock import SteppedClock
from servicegraph.errors import BadInput
from servicegraph_api import admission
from servicegraph_api.admission import PATH, create_admission
from servicegraph_api.server import listening
from servicegraph_api.tls import Shown
from support import shop
from support.manifests import manifest
from support.meters import reading
from support.serving import HeldReader

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

REVIEWS = "servicegraph_admission_reviews_total"


@dataclass
class Asking:
    """An API server that asks."""

    url: str
    session: aiohttp.ClientSession
    reader: HeldReader
    clock: SteppedClock
    shown: Shown

    async def send(self, body: bytes, path: str = PATH) -> tuple[int, bytes]:
        async with self.session.post(self.url + path, data=BytesIO(body)) as response:
            return response.status, await response.read()

    async def warnings(self, body: Any, **more: Any) -> list[str]:
        """What it is told about an object that is about to be stored; it is always allowed."""
        asked = {"uid": "some-uid", "operation": "CREATE", "namespace": "shop", "object": body, **more}
        status, answer = await self.send(orjson.dumps({"kind": "AdmissionReview", "request": asked}))
        assert status == 200
        review = orjson.loads(answer)
        assert (review["apiVersion"], review["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
        said = review["response"]
        assert (said["uid"], said["allowed"]) == ("some-uid", True)
        found: list[str] = said.get("warnings", [])
        return found


def trusting(authority: bytes) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=authority.decode())


@asynccontextmanager
async def asked() -> AsyncIterator[Asking]:
    authority, certificate, key = server_certificate()
    reader, clock, shown = HeldReader(shop.snapshot()), SteppedClock(), Shown()
    shown.show(certificate, key)
    connector = aiohttp.TCPConnector(ssl=trusting(authority))
    async with (
        listening(create_admission(reader, clock), "127.0.0.1", 0, shown.context) as url,
        aiohttp.ClientSession(connector=connector) as session,
    ):
        yield Asking(url, session, reader, clock, shown)


@pytest.fixture
async def asking() -> AsyncIterator[Asking]:
    async with asked() as one:
        yield one


def closing() -> dict[str, Any]:
    return manifest("payment-too", {"name": "checkout"}, service={"name": "orders-api"})


def itself() -> dict[str, Any]:
    return manifest("alone", {"name": "alone", "namespace": "shop"})


async def test_a_clean_object_is_allowed_without_a_word(asking: Asking) -> None:
    assert await asking.warnings(closing()) == []


async def test_an_object_that_the_operator_will_refuse_is_warned_about_and_allowed(asking: Asking) -> None:
    (line,) = await asking.warnings(itself())
    assert line.startswith("SG002 ")


async def test_what_was_let_through_a_moment_ago_counts_and_a_dry_run_does_not(asking: Asking) -> None:
    one, two = manifest("one", "two", namespace="shop"), manifest("two", "one", namespace="shop")
    assert await asking.warnings(one, dryRun=True) == []
    assert await asking.warnings(two, dryRun=True) == []
    assert await asking.warnings(one) == []
    told = ["SG101 closes a circle of 2 (Critical): shop/two → shop/one → shop/two"]
    assert await asking.warnings(two) == told
    asking.clock.step(timedelta(seconds=admission.RECENT_SECONDS + 1))
    assert await asking.warnings(two, dryRun=True) == []


async def test_what_is_remembered_is_bounded(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "MOST_RECENT", 1)
    one, two = manifest("one", "two", namespace="shop"), manifest("two", "one", namespace="shop")
    assert await asking.warnings(one) == []
    assert await asking.warnings(closing()) == []
    assert await asking.warnings(two) == []


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"[]", b"7", b'{"request": {}}', b'{"request": {"uid": 7}}', b"[" * 100_000]
)
async def test_a_question_that_is_none_is_allowed_too(asking: Asking, body: bytes) -> None:
    status, answer = await asking.send(body)
    assert status == 200
    assert orjson.loads(answer)["response"] == {"uid": "", "allowed": True}


@pytest.mark.parametrize("body", [None, 7, [], {}, {"spec": 7}, {**closing(), "metadata": []}])
async def test_an_object_of_any_shape_is_allowed(asking: Asking, body: Any) -> None:
    assert all(len(line) <= 120 for line in await asking.warnings(body))


async def test_a_question_that_is_too_long_is_allowed(asking: Asking) -> None:
    status, answer = await asking.send(b" " * (admission.MOST_BYTES + 1))
    assert status == 200
    assert orjson.loads(answer)["response"]["allowed"] is True


async def test_without_a_graph_nothing_is_said(asking: Asking) -> None:
    asking.reader.snapshot = None
    assert await asking.warnings(itself()) == []


async def test_every_other_path_is_unknown(asking: Asking) -> None:
    for path in ("/", "/validate/", "/api/v1/services", "/metrics", "/healthz"):
        assert (await asking.send(b"{}", path))[0] == 404


async def test_our_own_fault_allows_it_and_is_counted(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> list[str]:
        raise ZeroDivisionError

    before = reading(REVIEWS, result="fault")
    monkeypatch.setattr(admission, "warnings", broken)
    assert await asking.warnings(closing()) == []
    assert reading(REVIEWS, result="fault") == before + 1


async def test_who_takes_too_long_is_not_waited_for(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def endless(*_: Any) -> list[str]:
        over.wait()
        return ["late"]

    before = reading(REVIEWS, result="late")
    monkeypatch.setattr(admission, "warnings", endless)
    try:
        # More than there are threads: those that wait for one are not waited for either.
        told = await asyncio.gather(*(asking.warnings(closing()) for _ in range(5)))
    finally:
        over.set()
    assert told == [[]] * 5
    assert reading(REVIEWS, result="late") == before + 5


async def test_a_new_certificate_is_shown_to_who_connects_from_then_on(asking: Asking) -> None:
    await asking.warnings(closing())
    authority, certificate, key = server_certificate()
    asking.shown.show(certificate, key)
    await asking.warnings(closing())
    connector = aiohttp.TCPConnector(ssl=trusting(authority))
    async with (
        aiohttp.ClientSession(connector=connector) as newcomer,
        newcomer.post(asking.url + PATH, data=b"{}") as response,
    ):
        assert response.status == 200


async def test_a_certificate_that_cannot_be_used_leaves_the_old_one(asking: Asking) -> None:
    _, certificate, _ = server_certificate()
    _, _, key = server_certificate()
    for pair in ((certificate, key), (b"", b""), (certificate, b"no key")):
        with pytest.raises(BadInput, match="cannot be used together"):
            asking.shown.show(*pair)
    async with asking.session.post(
        asking.url + PATH, data=b"{}", headers={"Connection": "close"}
    ) as response:
        assert response.status == 200
    await asking.warnings(closing())
