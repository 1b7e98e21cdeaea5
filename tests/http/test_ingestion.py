"""`POST` and `DELETE /dependencies`: what is taken, in whose name, and what is refused in which words."""

from __future__ import annotations

import re
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from servicegraph.errors import RemovalRefused, StoreUnavailable
from servicegraph.model.apikey import Scope, forge
from servicegraph.model.submission import Intent
from servicegraph.model.vocabulary import Evidence, Mode, Requirement
from support.documents import ROOT, blocks
from support.keyed import KEY, made_of
from support.posted import about, body, edge
from support.serving import Reply, Serving, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = "/api/v1/dependencies"


async def send(
    served: Serving,
    given: Any,
    query: str = "",
    *,
    method: str = "POST",
    key: str | None = KEY,
    **headers: str,
) -> Reply:
    data = given if isinstance(given, bytes) else orjson.dumps(given)
    sent = {"Content-Type": "application/json", **headers} | ({"X-API-Key": key} if key else {})
    async with served.session.request(
        method, f"{served.url}{PATH}{query}", data=BytesIO(data), headers=sent
    ) as response:
        return Reply(response.status, response.headers, await response.read())


async def test_records_are_handed_on_as_the_words_of_the_key(served: Serving) -> None:
    record = edge("a>-/api.stripe.com:external", mode="Async", protocol="HTTP", description="fees")
    reply = await send(served, body(about("a", team="red", availabilityTarget="99.9"), record, edge("a>b")))
    assert reply.status == HTTPStatus.OK
    assert reply.headers["X-Graph-Version"] == "7"
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.json == {
        "services": {"created": 1, "updated": 0, "unchanged": 0},
        "dependencies": {"created": 2, "updated": 0, "unchanged": 0},
        "graph_version": 7,
        "warnings": [],
    }
    (taken,) = served.commit.taken
    assert (taken.provider, taken.intent, taken.max_removal) == ("api:tests", Intent.MERGE, 0.5)
    (statement,) = taken.statements
    assert (str(statement.service), statement.team, statement.target) == ("shop/a", "red", "99.9")
    first, second = taken.observations
    assert (str(first.source), str(first.target)) == ("shop/a", "-/api.stripe.com:external")
    assert (first.evidence, first.mode, first.protocol) == (Evidence.API, Mode.ASYNC, "HTTP")
    assert first.details == {"description": "fees"}
    assert (second.mode, second.requirement, second.alertable) == (Mode.UNSET, Requirement.UNSET, False)


async def test_the_mode_is_the_intent_and_much_may_go_only_where_it_is_said_so(served: Serving) -> None:
    for query, intent, most in (
        ("?mode=replace", Intent.REPLACE, 0.5),
        ("?mode=replace&accept_removal=true", Intent.REPLACE, 1.0),
    ):
        reply = await send(served, body(edge("a>b")), query)
        assert reply.json["dependencies"] == {"created": 1, "updated": 0, "unchanged": 0, "removed": 0}
        assert (served.commit.taken[-1].intent, served.commit.taken[-1].max_removal) == (intent, most)
    reply = await send(served, body(edge("a>b")), method="DELETE")
    assert reply.json["dependencies"] == {"removed": 0, "absent": 0}
    assert served.commit.taken[-1].intent is Intent.DELETE


async def test_the_bodies_that_people_copy_are_taken_and_answered_as_the_page_says(served: Serving) -> None:
    page = (ROOT / "docs/ingestion.md").read_text()
    sent, answer = (orjson.loads(one.text) for one in blocks(page) if one.language == "json")
    reply = await send(served, sent)
    assert (reply.status, len(served.commit.taken[0].statements)) == (200, len(sent["services"]))
    assert reply.json.keys() == answer.keys()
    assert reply.json["services"].keys() == answer["services"].keys()
    typed = [
        one.text for one in blocks(page + (ROOT / "README.md").read_text()) if "v1/dependencies" in one.text
    ]
    bodies = [given for text in typed for given in re.findall(r"-d '(\{.*?\})'", text, re.DOTALL)]
    assert len(bodies) == 3
    for given in bodies:
        assert (await send(served, given.encode())).status == HTTPStatus.OK


async def test_a_circle_is_stored_and_told_of(served: Serving) -> None:
    reply = await send(served, body(edge("orders-api>frontend"), edge("checkout>orders-api")))
    (warning,) = reply.json["warnings"]
    assert warning["code"] == "PartOfCycle"
    assert warning["cycle"] is None
    assert "shop/orders-api → shop/frontend → shop/checkout → shop/orders-api" in warning["message"]


async def test_one_spelling_counts_and_the_same_twice_is_once(served: Serving) -> None:
    twice = [edge("a>b"), {"source": "shop/a:service", "target": "shop/b", "mode": None}]
    reply = await send(served, {"dependencies": twice})
    assert reply.json["dependencies"]["created"] == 1


WRONG: dict[str, tuple[Any, str, str]] = {
    "unknown field": (edge("a>b", modus="Sync"), "dependencies[1].modus", "there is no such field"),
    "wrong word": (edge("a>b", mode="sync"), "dependencies[1].mode", "'sync' cannot be used; it takes 'Sync' or 'Async'"),
    "no target": ({"source": "shop/a"}, "dependencies[1].target", "is required; add it"),
    "number": (edge("a>b", protocol=7), "dependencies[1].protocol", "a string; put it in quotes"),
    "no id": ({"source": "a", "target": "shop/b"}, "dependencies[1].source", "'a' is no service id"),
    "no kind": (edge("a>shop/b:Pod"), "dependencies[1].target", "is none of"),
    "bad name": (edge("a>shop/b%00"), "dependencies[1].target", "its name takes"),
    "bad namespace": (edge("a>Shop/b"), "dependencies[1].target", "its namespace takes"),
    "long name": (edge(f"a>shop/{'b' * 254}"), "dependencies[1].target", "its name takes"),
    "external inside": (edge("a>shop/b:external"), "dependencies[1].target", "write -/b:external"),
    "nowhere": (edge("a>-/b"), "dependencies[1].target", "only an External has no namespace"),
    "itself": (edge("a>shop/a:service"), "dependencies[1].target", "cannot depend on itself"),
    "no record": (7, "dependencies[1]", "a map of fields"),
    "otherwise": (edge("x>y", mode="Sync"), "dependencies[1]", "says otherwise than dependencies[0] about shop/x"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
async def test_one_bad_record_is_named_and_nothing_is_stored(served: Serving, name: str) -> None:
    record, path, words = WRONG[name]
    reply = await send(served, {"dependencies": [edge("x>y"), record]})
    assert reply.status == HTTPStatus.UNPROCESSABLE_ENTITY, reply.body
    assert reply.detail.startswith(f"nothing is stored: {path}: ")
    assert (reply.json["error_count"], len(reply.json["errors"])) == (1, 1)
    assert reply.json["errors"][0]["path"] == path
    assert words in reply.json["errors"][0]["message"]
    assert served.commit.taken == []


@pytest.mark.parametrize(
    ("record", "path", "words"),
    [
        ({"name": "a"}, "services[0].namespace", "is required unless kind is External"),
        (about("a", kind="External"), "services[0].namespace", "an External lies outside"),
        (about("a", criticality="high"), "services[0].criticality", "cannot be used"),
        (about("a", availabilityTarget=99.9), "services[0].availabilityTarget", "a string"),
        (about("a", labels={"x": 1}), "services[0].labels.x", "a string"),
        (about("a\x00b"), "services[0].name", "cannot be used"),
    ],
)
async def test_a_bad_record_about_a_service_is_named(
    served: Serving, record: dict[str, Any], path: str, words: str
) -> None:
    reply = await send(served, {"services": [record]})
    assert reply.status == HTTPStatus.UNPROCESSABLE_ENTITY
    (error,) = reply.json["errors"]
    assert error["path"] == path
    assert words in error["message"]


async def test_many_faults_are_counted_and_the_first_are_told(served: Serving) -> None:
    reply = await send(served, {"dependencies": [edge("a>b", mode="no")] * 150})
    assert (reply.json["error_count"], len(reply.json["errors"])) == (150, 100)
    assert "and 149 more" in reply.detail


def _bodies() -> Iterator[tuple[bytes, str, int, str]]:
    yield b"{", "", 400, "the body is no JSON"
    yield b"[" * 100_000, "", 400, "the body is no JSON"
    yield b"[]", "", 400, 'takes {"services"'
    yield b"{}", "", 400, 'takes {"services"'
    yield b'{"dependencies": 7}', "", 400, 'takes {"services"'
    yield b'{"dependencies": [], "more": 1}', "", 422, "there is no such field"
    yield b'{"dependencies": []}', "?mode=replace", 400, "services is left out"
    yield (
        orjson.dumps(body(*([edge("a>b")] * 1001))),
        "",
        400,
        "1,001 records are too many; send at most 1,000",
    )
    yield orjson.dumps(body(*([edge("a>b")] * 20_001))), "?mode=replace", 400, "at most 20,000"
    yield b" " * (8 * 1024 * 1024 + 1), "", 413, "longer than 8 MiB"
    yield b"{}", "?mode=swap", 400, "mode='swap' cannot be used"
    yield b"{}", "?force=true", 400, "unknown parameter 'force'"


@pytest.mark.parametrize(("given", "query", "status", "words"), list(_bodies()))
async def test_a_body_that_cannot_be_used_is_refused_in_words(
    served: Serving, given: bytes, query: str, status: int, words: str
) -> None:
    reply = await send(served, given, query)
    assert reply.status == status
    assert words in reply.detail
    assert served.commit.taken == []


async def test_as_many_records_as_are_promised_are_taken(served: Serving) -> None:
    for count, query in ((1_000, ""), (20_000, "?mode=replace")):
        reply = await send(served, body(*(edge(f"a>b{number}") for number in range(count))), query)
        assert reply.json["dependencies"]["created"] == count


async def test_only_a_key_that_may_change_the_graph_is_heard(served: Serving) -> None:
    for scope, status in ((Scope.READ, 403), (Scope.INGEST, 200), (Scope.ADMIN, 200)):
        text = forge()
        served.ring.hold(made_of(text, scope))
        for method in ("POST", "DELETE"):
            assert (await send(served, body(edge("a>b")), method=method, key=text)).status == status
    assert (await send(served, body(edge("a>b")), key=None)).status == HTTPStatus.UNAUTHORIZED


async def test_anonymous_reading_is_no_writing() -> None:
    async with serving(None, anonymous_read=True) as served:
        assert (await send(served, body(edge("a>b")), key=None)).status == HTTPStatus.UNAUTHORIZED


async def test_another_kind_of_body_is_not_read(served: Serving) -> None:
    reply = await send(served, b"a: 1", **{"Content-Type": "application/yaml"})
    assert reply.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    assert "send application/json" in reply.detail


async def test_what_cannot_be_stored_now_is_to_be_sent_again(served: Serving) -> None:
    served.commit.problem = StoreUnavailable("Postgres does not answer")
    for method in ("POST", "DELETE"):
        reply = await send(served, body(edge("a>b")), method=method)
        assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
        assert reply.detail == "Postgres does not answer"


async def test_a_refused_removal_says_how_to_have_it(served: Serving) -> None:
    served.commit.problem = RemovalRefused("send it again with accept_removal=true")
    reply = await send(served, body(), "?mode=replace")
    assert (reply.status, reply.detail) == (409, "send it again with accept_removal=true")


async def test_before_the_first_graph_nothing_is_taken() -> None:
    async with serving(None) as served:
        reply = await send(served, body(edge("a>b")))
        assert reply.status == HTTPStatus.SERVICE_UNAVAILABLE
        assert served.commit.taken == []


async def test_other_methods_are_told_which_there_are(served: Serving) -> None:
    reply = await served.get(PATH)
    assert reply.status == HTTPStatus.METHOD_NOT_ALLOWED
    assert reply.headers["Allow"] == "DELETE, POST"
