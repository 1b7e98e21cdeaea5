"""Entity tags: who has the answer already is told so, and a tag never outlives its answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from support import shop
from support.graphs import MARK

if TYPE_CHECKING:
    from support.serving import Serving

CHECKOUT = "/api/v1/services/shop/checkout/dependencies"
PATHS = [
    CHECKOUT,
    f"{CHECKOUT}?format=dot",
    "/api/v1/services",
    "/api/v1/services/shop/checkout",
    "/api/v1/edges?limit=2",
]


async def tag(served: Serving, path: str, **headers: str) -> str:
    reply = await served.get(path, **headers)
    assert reply.status == 200
    return str(reply.headers["ETag"])


@pytest.mark.parametrize("path", PATHS)
async def test_an_answer_has_a_strong_tag_and_must_be_revalidated(served: Serving, path: str) -> None:
    reply = await served.get(path)
    assert reply.headers["ETag"].startswith('"')
    assert reply.headers["Cache-Control"] == "no-cache"
    assert reply.headers["X-Graph-Version"] == "7"
    assert reply.headers["Vary"] == "Accept"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("shape", ["{}", "W/{}", '"other", {}', "*"])
async def test_who_has_the_answer_gets_304_without_a_body(served: Serving, path: str, shape: str) -> None:
    known = await tag(served, path)
    reply = await served.get(path, If_None_Match=shape.format(known))
    assert (reply.status, reply.body) == (304, b"")
    assert reply.headers["ETag"] == known
    assert reply.headers["X-Graph-Version"] == "7"


async def test_another_tag_gets_the_whole_answer(served: Serving) -> None:
    reply = await served.get(CHECKOUT, If_None_Match='"other", W/"another"')
    assert reply.status == 200
    assert reply.body


async def test_the_same_question_spelled_otherwise_has_the_same_tag(served: Serving) -> None:
    known = await tag(served, f"{CHECKOUT}?depth=3&mode=Sync")
    assert await tag(served, f"{CHECKOUT}?mode=sync") == known
    assert await tag(served, f"{CHECKOUT}?direction=dependencies&mode=SYNC&format=json") != await tag(
        served, CHECKOUT
    )
    assert await tag(served, "/api/v1/services/shop/check%6Fut/dependencies?mode=Sync") == known


async def test_another_question_format_version_or_database_has_another_tag(served: Serving) -> None:
    tags = [await tag(served, path) for path in PATHS]
    tags.append(await tag(served, f"{CHECKOUT}?depth=4"))
    tags.append(await tag(served, CHECKOUT, Accept="text/plain"))
    for mark in (shop.later(), replace(MARK, timeline=2), replace(MARK, system="restored")):
        served.reader.snapshot = shop.snapshot(mark)
        tags.append(await tag(served, CHECKOUT))
    assert len(set(tags)) == len(tags)


async def test_a_new_version_is_answered_at_once(served: Serving) -> None:
    before = await served.document(CHECKOUT)
    assert await served.document(CHECKOUT) == before
    served.reader.snapshot = shop.snapshot(shop.later(), facts=shop.FACTS[:2])
    after = await served.document(CHECKOUT)
    assert (after["graph_version"], after["edges"]) == (8, [])


async def test_a_database_gone_back_in_version_is_answered_as_it_is(served: Serving) -> None:
    await served.document(CHECKOUT)
    served.reader.snapshot = shop.snapshot(replace(MARK, timeline=2, version=3), facts=())
    document = await served.document(CHECKOUT)
    assert (document["graph_version"], document["edges"]) == (3, [])


@pytest.mark.parametrize("path", [*PATHS, "/healthz", "/readyz", "/metrics"])
async def test_head_is_get_without_a_body(served: Serving, path: str) -> None:
    got, head = await served.get(path), await served.get(path, method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Type"] == got.headers["Content-Type"]
    assert head.headers.get("ETag") == got.headers.get("ETag")
