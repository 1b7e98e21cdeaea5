"""`POST /check`: what manifests would change, told from the snapshot."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import yaml

from servicegraph_api import checking
from support import shop
from support.keyed import KEY
from support.manifests import manifest, text
from support.serving import Reply, Serving, serving

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON, YAML = "application/json", "application/yaml"


async def post(
    served: Serving, body: bytes, kind: str | None = JSON, query: str = "", key: str | None = KEY
) -> Reply:
    headers = ({"X-API-Key": key} if key else {}) | ({"Content-Type": kind} if kind else {})
    skip = () if kind else ("Content-Type",)
    url = f"{served.url}/api/v1/check{query}"
    async with served.session.post(
        url, data=BytesIO(body), headers=headers, skip_auto_headers=skip
    ) as response:
        return Reply(response.status, response.headers, await response.read())


async def checked(served: Serving, *manifests: Mapping[str, Any], query: str = "") -> Any:
    reply = await post(served, orjson.dumps({"manifests": manifests}), query=query)
    assert reply.status == 200, reply
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.headers["X-Graph-Version"] == str(shop.snapshot().mark.version)
    return reply.json


def found(document: Any) -> list[tuple[str, str]]:
    return [(one["code"], one["field"]) for one in document["findings"]]


async def test_a_manifest_that_closes_a_circle_is_told_with_the_circle(served: Serving) -> None:
    told = await checked(served, manifest("orders-api", "frontend", namespace="shop"))
    assert told["findings"] == []
    edge = {"name": "orders", "kind": "Datastore"}
    told = await checked(
        served,
        manifest("basket", "checkout", "prices", namespace="shop"),
        manifest("prices", "basket", edge, namespace="shop"),
    )
    (one,) = told["findings"]
    assert (one["code"], one["severity"]) == ("SG101", "warning")
    assert one["path"] == ["shop/basket", "shop/prices", "shop/basket"]
    assert one["message"] == ("closes a circle of 2 (Critical): shop/basket → shop/prices → shop/basket")
    assert (one["manifest"], one["field"], one["line"]) == (0, "spec.dependencies[1]", None)
    assert [(other["manifest"], other["field"]) for other in one["related"]] == [(1, "spec.dependencies[0]")]
    assert told["circles"][0]["members"] == ["shop/basket", "shop/prices"]
    assert told["edges"]["added"] == [
        {"source": "shop/basket", "target": "shop/checkout"},
        {"source": "shop/basket", "target": "shop/prices"},
        {"source": "shop/prices", "target": "shop/basket"},
        {"source": "shop/prices", "target": "shop/orders:datastore"},
    ]
    assert told["graph_version"] == shop.snapshot().mark.version


async def test_who_depends_on_what_changes_is_told_the_nearest_first(served: Serving) -> None:
    told = await checked(served, manifest("payment", "orders-api", namespace="shop"))
    assert told["affected"]["count"] == len(told["affected"]["services"])
    assert [(one["id"], one["distance"]) for one in told["affected"]["services"]] == [
        ("shop/checkout", 1), ("shop/frontend", 2)
    ]  # fmt: skip
    assert told["affected"]["services"][0]["team"] == "payments"


async def test_a_misspelt_target_is_told_with_who_may_be_meant(served: Serving) -> None:
    told = await checked(served, manifest("new", "chekout", "nobody", namespace="shop"))
    assert found(told) == [("SG103", "spec.dependencies[0]"), ("SG103", "spec.dependencies[1]")]
    near, far = told["findings"]
    assert (near["severity"], near["candidates"]) == ("warning", ["shop/checkout"])
    assert (far["severity"], far["candidates"]) == ("note", [])


async def test_yaml_is_read_with_its_lines_and_its_namespace(served: Serving) -> None:
    body = "# first\n" + text(
        manifest("new", {"name": "chekout", "mode": "sync"}), manifest("other", "chekout")
    )
    for kind in (YAML, "text/yaml; charset=utf-8"):
        reply = await post(served, body.encode(), kind, "?namespace=shop")
        assert reply.status == 200
        invalid, unknown = reply.json["findings"]
        lines = body.splitlines()
        assert (invalid["code"], lines[invalid["line"] - 1].strip()) == ("SG001", "- mode: sync")
        assert (unknown["code"], lines[unknown["line"] - 1].strip()) == ("SG103", "- name: chekout")
        assert unknown["object"] == {"namespace": "shop", "name": "other"}


async def test_lists_are_unfolded_and_other_kinds_passed_over(served: Serving) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}}
    listed = {"apiVersion": "v1", "kind": "List", "items": [pod, manifest("new", "chekout")]}
    told = await checked(served, pod, listed, query="?namespace=shop")
    assert told["manifests"] == 1
    assert found(told) == [("SG103", "spec.dependencies[0]")]


async def test_a_large_body_is_answered_the_same(served: Serving) -> None:
    many = [manifest(f"s{number}", f"s{number + 1}", "chekout", namespace="shop") for number in range(900)]
    assert len(orjson.dumps(many)) > checking._AT_ONCE
    told = await checked(served, *many)
    assert len(told["findings"]) == 900 + 1
    small = await checked(served, many[0], many[1])
    assert [one for one in small["findings"] if one["manifest"] == 0] == [
        one for one in told["findings"] if one["manifest"] == 0
    ]


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"{", JSON, "the body is no JSON"),
        (b"[]", JSON, '{"manifests": [object'),
        (b'{"manifests": {}}', JSON, '{"manifests": [object'),
        (b'{"manifests": [], "more": 1}', JSON, '{"manifests": [object'),
        (b'{"manifests": [7]}', JSON, "manifests[0] is no object"),
        (b"a: [", YAML, "of the body: "),
        (b"\xff\xfe\xff", YAML, "no UTF-8"),
        (b"[" * 100_000, YAML, "nested too deeply"),
        (b"[" * 100_000, JSON, "the body is no JSON"),
        (b"a: &a [*a]", YAML, "contains itself"),
    ],
)
async def test_a_body_that_cannot_be_used_is_refused_in_words(
    served: Serving, body: bytes, kind: str, words: str
) -> None:
    reply = await post(served, body, kind)
    assert reply.status == 400
    assert words in reply.detail


async def test_another_kind_of_body_is_not_read(served: Serving) -> None:
    reply = await post(served, b"x", "text/html")
    assert reply.status == 415
    assert "application/yaml" in reply.detail


async def test_a_body_without_a_kind_is_json(served: Serving) -> None:
    assert (await post(served, b'{"manifests": []}', None)).status == 200


@pytest.mark.parametrize(("kind", "most"), [(JSON, checking.MOST_BYTES), (YAML, checking.MOST_BYTES_OF_YAML)])
async def test_a_body_that_is_too_long_is_refused(served: Serving, kind: str, most: int) -> None:
    reply = await post(served, b" " * (most + 1), kind)
    assert reply.status == 413
    assert f"{most // 1024 // 1024} MiB" in reply.detail


async def test_too_many_manifests_are_refused(served: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "MOST_MANIFESTS", 1)
    reply = await post(served, orjson.dumps({"manifests": [manifest("a"), manifest("b")]}))
    assert reply.status == 400
    assert "at most 1" in reply.detail


async def test_an_unknown_parameter_is_refused(served: Serving) -> None:
    reply = await post(served, b'{"manifests": []}', query="?depth=3")
    assert reply.status == 400
    assert "namespace" in reply.detail


async def test_it_needs_a_key_and_a_graph(served: Serving) -> None:
    assert (await post(served, b'{"manifests": []}', key=None)).status == 401
    async with serving(None) as empty:
        reply = await post(empty, b'{"manifests": []}')
        assert reply.status == 503
        assert reply.headers["Retry-After"]


async def test_everything_is_answered_as_the_same_document_whatever_the_spelling(served: Serving) -> None:
    one = manifest("new", "chekout", namespace="shop")
    as_json = await checked(served, one)
    as_yaml = (await post(served, yaml.safe_dump(one).encode(), YAML)).json
    for document in (as_json, as_yaml):
        for finding in document["findings"]:
            finding["line"] = None
    assert as_json == as_yaml
