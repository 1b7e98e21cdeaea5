"""What cannot be answered: each case is a problem document that names what is wrong and how to mend it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from servicegraph.errors import StoreUnavailable
from support.serving import serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from servicegraph.graph.snapshot import Snapshot
    from support.serving import Serving

CHECKOUT = "/api/v1/services/shop/checkout/dependencies"


@pytest.mark.parametrize("value", ["0", "51", "abc", "", "-1", "1.5", "%D9%A3", "99999999999999999999"])
async def test_a_depth_out_of_range_names_what_it_takes(served: Serving, value: str) -> None:
    reply = await served.get(f"{CHECKOUT}?depth={value}")
    assert reply.status == 400
    assert reply.detail == f"depth={unquote(value)!r} cannot be used; it takes a whole number from 1 to 50"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (f"{CHECKOUT}?direction=sideways", "it takes downstream, upstream, both, dependencies, dependents"),
        (f"{CHECKOUT}?include_stale=maybe", "it takes true or false"),
        (f"{CHECKOUT}?include_quarantined=", "it takes true or false"),
        (f"{CHECKOUT}?min_confidence=1.1", "it takes a number from 0 to 1"),
        (f"{CHECKOUT}?min_confidence=nan", "it takes a number from 0 to 1"),
        (f"{CHECKOUT}?mode=Batch", "it takes Sync, Async"),
        (f"{CHECKOUT}?requirement=Must", "it takes Hard, Soft"),
        (f"{CHECKOUT}?provider=", "it takes a text that is not empty"),
        (f"{CHECKOUT}?format=csv", "it takes json, mermaid, dot"),
        (f"{CHECKOUT}?kind=Pod", "it takes Service, Datastore, Queue, External"),
        ("/api/v1/services?limit=0", "it takes a whole number from 1 to 1000"),
        ("/api/v1/services?limit=1001", "it takes a whole number from 1 to 1000"),
        ("/api/v1/services?namespace=", "it takes the name of a namespace"),
    ],
)
async def test_a_value_that_cannot_be_used_names_the_parameter_and_what_it_takes(
    served: Serving, path: str, says: str
) -> None:
    reply = await served.get(path)
    assert reply.status == 400
    name, _, value = path.partition("?")[2].partition("=")
    assert reply.detail.startswith(f"{name}={value!r} cannot be used")
    assert says in reply.detail


@pytest.mark.parametrize(
    "cursor", ["", "x", "bm9uZQ", "WyJzaG9wL2EiLCJzaG9wL2IiXQ", "W10", "WzFd", "%00", "WyJ4Il0", "%C3%BC"]
)
async def test_a_cursor_that_is_none_is_refused(served: Serving, cursor: str) -> None:
    reply = await served.get(f"/api/v1/services?cursor={cursor}")
    assert reply.status == 400
    assert "next_cursor" in reply.detail or "the page before" in reply.detail


async def test_an_unknown_parameter_is_named_beside_those_there_are(served: Serving) -> None:
    reply = await served.get(f"{CHECKOUT}?dept=3")
    assert reply.status == 400
    assert reply.detail.startswith("unknown parameter 'dept'")
    assert "depth" in reply.detail


async def test_a_parameter_given_twice_is_refused(served: Serving) -> None:
    reply = await served.get(f"{CHECKOUT}?depth=1&depth=2")
    assert (reply.status, reply.detail) == (400, "parameter 'depth' is given twice; give it once")


async def test_a_long_value_is_cut_in_the_message(served: Serving) -> None:
    reply = await served.get(f"{CHECKOUT}?{'p' * 5_000}=1")
    assert reply.status == 400
    assert len(reply.detail) < 400


@pytest.mark.parametrize(
    "name",
    [
        "nothing",
        "a%2Fb",
        "%00",
        "%FF",
        "x" * 10_240,
        "%41" * 10_240,
        "%F0%9F%9B%92",
        "a%0Ab",
        "{curly}",
        "a%20b",
    ],
)
async def test_a_service_that_is_unknown_is_not_found_whatever_its_name(served: Serving, name: str) -> None:
    for tail in ("", "/dependencies"):
        reply = await served.get(f"/api/v1/services/shop/{name}{tail}")
        assert reply.status == 404
        assert reply.detail.startswith("no service ")
        assert len(reply.detail) < 700
        assert not any(ord(letter) < 32 for letter in reply.detail)


async def test_an_unknown_service_comes_with_what_may_have_been_meant(served: Serving) -> None:
    reply = await served.get("/api/v1/services/shop/chekout")
    assert reply.status == 404
    assert "did you mean shop/checkout" in reply.detail
    assert "shop/checkout" in reply.json["near_misses"]


async def test_a_name_that_several_kinds_share_lists_the_candidates(served: Serving) -> None:
    reply = await served.get("/api/v1/services/shop/cache/dependencies")
    assert reply.status == 404
    assert reply.json["candidates"] == ["shop/cache:datastore", "shop/cache:queue"]
    assert "kind=" in reply.detail


async def test_a_service_of_another_cluster_is_not_this_one(served: Serving) -> None:
    assert (await served.get("/api/v1/services/shop/checkout?cluster=elsewhere")).status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/api/v1",
        "/api/v1/services/",
        "/api/v1/services/shop",
        "/api/v1/services/shop/a/b/c",
        "/%00",
    ],
)
async def test_a_path_that_does_not_exist_is_a_problem_too(served: Serving, path: str) -> None:
    reply = await served.get(path)
    assert reply.status == 404
    assert "nothing is served" in reply.detail


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_a_method_that_is_not_possible_names_those_that_are(served: Serving, method: str) -> None:
    reply = await served.get(CHECKOUT, method=method)
    assert reply.status == 405
    assert reply.headers["Allow"] == "GET, HEAD"
    assert method in reply.detail


@pytest.mark.parametrize(
    ("asked", "accept"),
    [
        ("", "image/png"),
        ("", "application/json;q=0"),
        ("", "nonsense"),
        ("format=dot", "application/json"),
        ("format=json", "text/*"),
    ],
)
async def test_an_accept_header_that_cannot_be_served_is_told_what_can(
    served: Serving, asked: str, accept: str
) -> None:
    reply = await served.get(f"{CHECKOUT}?{asked}", Accept=accept)
    assert reply.status == 406
    assert accept in reply.detail


async def test_before_a_first_graph_the_client_is_told_to_come_back() -> None:
    async with serving(None) as server:
        reply = await server.get(CHECKOUT)
        assert reply.status == 503
        assert reply.headers["Retry-After"] == "1"
        assert "not loaded yet" in reply.detail
        assert "X-Graph-Version" not in reply.headers


async def test_a_failure_tells_nothing_about_the_inside(
    served: Serving, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> Snapshot:
        raise RuntimeError("secret of the inside")

    with caplog.at_level(logging.ERROR):
        monkeypatch.setattr(served.reader, "current", _once(fail, served.reader.snapshot))
        reply = await served.get(CHECKOUT)
    assert reply.status == 500
    assert b"secret" not in reply.body
    assert reply.detail


async def test_what_will_pass_by_itself_is_unavailable_not_failed(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> Snapshot:
        raise StoreUnavailable

    monkeypatch.setattr(served.reader, "current", _once(fail, served.reader.snapshot))
    reply = await served.get(CHECKOUT)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
    assert reply.detail == "Postgres cannot be reached or cannot serve now."


def _once(fail: Callable[[], Snapshot], snapshot: Snapshot | None) -> Callable[[], Snapshot | None]:
    """Answer `snapshot` to who looks for a remembered answer, `fail` the handler, and answer `snapshot` from there on."""
    calls: list[Callable[[], Snapshot | None]] = [fail, lambda: snapshot]
    return lambda: calls.pop()() if calls else snapshot
