"""A real server that answers everything that Prometheus does not, and what a poll makes of it."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from servicegraph import metrics
from servicegraph.certificates import server_certificate
from servicegraph.local import ports
from servicegraph.model.telemetry import RawCall
from support.backends import VOLUME, answering, look, saying, serving, uttering, vector
from support.meters import reading

if TYPE_CHECKING:
    from pathlib import Path

    from aiohttp import web

    from servicegraph.model.telemetry import Poll

A_B = RawCall("a", "b")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BODY = json.dumps(vector()).encode()


def failed(made: Poll, reason: str, said: str) -> None:
    """The poll brought nothing, and says why."""
    assert made.failure is not None
    assert (made.failure.reason, made.calls) == (reason, {})
    assert said in made.failure.message
    assert made.failure.message.isprintable()
    assert len(made.failure.message) < 600


def error(message: str, kind: str = "bad_data") -> dict[str, Any]:
    return {"status": "error", "errorType": kind, "error": message}


async def test_a_good_answer_brings_calls_with_their_volume_and_no_failure() -> None:
    async with saying() as backend:
        made = await look(backend.url)
    assert made.failure is None
    assert made.calls == {A_B: 1}
    assert (made.series, made.dropped, made.warnings) == (1, {}, ())
    assert made.duration > 0


async def test_an_answer_without_series_is_good_and_says_that_there_is_no_call() -> None:
    empty = {"status": "success", "data": {"resultType": "vector", "result": []}}
    async with saying(presence=empty) as backend:
        made = await look(backend.url)
    assert (made.failure, made.calls, made.series) == (None, {}, 0)


async def test_a_question_says_who_asks_what_within_which_time_and_nothing_that_could_be_kept() -> None:
    async with saying() as backend:
        await look(backend.url, bearer="s3cret", tenant="team-a", timeout=12.5)
    presence, volume = backend.asked
    assert presence.path == "/api/v1/query"
    assert dict(presence.query) == {"query": "presence", "timeout": "12.5s"}
    assert volume.query["query"] == VOLUME
    for request in backend.asked:
        assert request.method == "GET"
        assert request.headers["Authorization"] == "Bearer s3cret"
        assert request.headers["X-Scope-OrgID"] == "team-a"
        assert request.headers["Accept-Encoding"] == "identity"
        assert request.headers["User-Agent"].startswith("servicegraph/")
        assert "Cookie" not in request.headers


async def test_user_and_password_are_sent_as_basic_auth() -> None:
    async with saying() as backend:
        await look(backend.url, basic="ana:pass:wörd")
    assert backend.asked[0].headers["Authorization"] == "Basic YW5hOnBhc3M6d8O2cmQ="


async def test_a_path_before_the_api_is_kept() -> None:
    async with saying() as backend:
        await look(f"{backend.url}/prometheus%20one")
    assert backend.asked[0].raw_path.startswith("/prometheus%20one/api/v1/query?")


@pytest.mark.parametrize(
    ("status", "said", "reason", "words"),
    [
        (401, b"", "Unauthorized", "it answers 401 Unauthorized: check the token"),
        (403, error("no such tenant"), "Forbidden", "it answers 403 Forbidden, no such tenant: who we are"),
        (404, b"<html>", "NotFound", "the URL must be what comes before /api/v1/query"),
        (400, error('1:5: parse error: unexpected "}"'), "QueryRefused",
         'it does not take the query: 400 Bad Request, 1:5: parse error: unexpected "}"'),
        (422, error("query\nneeds \x1b[31mtoo many samples"), "QueryRefused", "query needs [31mtoo many samples"),
        (422, error('duplicate series {client="secret", x="'), "QueryRefused", "duplicate series {…}"),
        (422, error("x" * 10_000), "QueryRefused", "…"),
        (429, error("too many"), "Refused", "429 Too Many Requests, too many: it is asked too often"),
        (418, b"", "Refused", "it refuses: 418"),
        (500, b"<html>secret</html>", "BackendFailed", "it fails: 500 Internal Server Error"),
        (503, error("query timed out in expression evaluation", "timeout"), "BackendFailed",
         "it fails: 503 Service Unavailable, query timed out in expression evaluation"),
        (599, b"[" * 10_000, "BackendFailed", "it fails: 599"),
        (200, error("half of it is missing", "execution"), "QueryRefused",
         "it answers with an error (execution): half of it is missing"),
        (200, b"<html><title>Log in</title></html>", "NotPrometheus", "something that is no JSON"),
        (200, gzip.compress(BODY), "NotPrometheus", "something that is no JSON"),
        (200, b"", "NotPrometheus", "it answers nothing at all"),
        (204, b"", "NotPrometheus", "it answers nothing at all"),
        (200, BODY[:-5], "BrokenOff", "the answer ends in the middle"),
        (200, {"status": "success", "data": {"resultType": "matrix", "result": []}}, "QueryRefused",
         "the query gives a matrix"),
    ],
)  # fmt: skip
async def test_what_it_answers_instead_is_told_in_words_and_brings_no_call(
    status: int, said: Any, reason: str, words: str
) -> None:
    async with saying(status, said) as backend:
        made = await look(backend.url)
    failed(made, reason, words)
    assert "secret" not in str(made.failure)
    assert len(backend.asked) == 1, "nothing more is asked of a backend that is unwell"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_told_and_never_followed(status: int) -> None:
    async with (
        saying() as elsewhere,
        saying(status, b"", Location=f"{elsewhere.url}/login?next=secret") as backend,
    ):
        made = await look(backend.url, bearer="s3cret")
        assert elsewhere.asked == []
    failed(made, "Redirected", f"on to {elsewhere.url}/login: give the URL that it has now")
    assert "secret" not in str(made.failure)


async def test_a_port_that_nobody_listens_on() -> None:
    failed(await look(f"http://127.0.0.1:{ports.free()}"), "Unreachable", "cannot be reached")


@pytest.mark.parametrize("host", ["nosuch.invalid", f"{'a' * 70}.invalid"])
async def test_a_host_that_there_is_not(host: str) -> None:
    made = await look(f"http://{host}:9090")
    failed(made, "Unreachable", "host")
    assert "URL" in str(made.failure)


@pytest.mark.parametrize(
    ("pieces", "reason", "words"),
    [
        ((b"",), "BrokenOff", "the connection broke off"),
        ((b"SSH-2.0-OpenSSH_9.2\r\n",), "NotPrometheus", "no proper HTTP"),
        ((HEAD + b"Content-Length: 5000\r\n\r\n" + BODY,), "BrokenOff", "the connection broke off"),
        ((HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n" + BODY[:5],), "BrokenOff", "the connection broke off"),
        ((HEAD + b"Connection: close\r\n\r\n" + BODY[:-40],), "BrokenOff", "the answer ends in the middle"),
        ((HEAD + b"X-Long: " + b"x" * 100_000 + b"\r\n\r\n",), "NotPrometheus", "no proper HTTP"),
    ],
)  # fmt: skip
async def test_what_breaks_off_or_is_no_http(pieces: tuple[bytes, ...], reason: str, words: str) -> None:
    async with uttering(*pieces) as url:
        failed(await look(url), reason, words)


@pytest.mark.parametrize(
    "pieces",
    [(), (HEAD,), (HEAD + b"Content-Length: 5000\r\n\r\n", BODY)],
    ids=["silence", "half a head", "half a body"],
)
async def test_a_backend_that_hangs_costs_its_time_out_and_no_more(pieces: tuple[bytes, ...]) -> None:
    async with uttering(*pieces, hang=True) as url:
        failed(await look(url, timeout=0.2), "TimedOut", "no complete answer within 0.2 s: raise the timeout")


async def test_an_answer_that_drips_is_not_waited_for_beyond_the_time_out() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"Content-Length: 5000\r\n\r\n")
        while not reader.at_eof():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)  # the drip itself: there is always news before any pause is over

    async with serving(drip) as url:
        failed(await look(url, timeout=0.3), "TimedOut", "no complete answer within 0.3 s")


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    """What a server on 127.0.0.1 shows, and the certificate (PEM) of who vouches for it."""
    folder: Path = tmp_path_factory.mktemp("tls")
    authority, certificate, key = server_certificate()
    (folder / "both.pem").write_bytes(certificate + key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "both.pem")
    return context, authority.decode()


async def test_a_server_is_believed_where_its_authority_is_named(tls: tuple[ssl.SSLContext, str]) -> None:
    async with saying(tls=tls[0]) as backend:
        assert (await look(backend.url, authority=tls[1])).calls == {A_B: 1}
        failed(await look(backend.url), "TLSFailed", "its certificate is not trusted (")
        others = server_certificate()[0].decode()
        failed(await look(backend.url, authority=others), "TLSFailed", "caSecretRef says whom to trust")
        by_name = backend.url.replace("127.0.0.1", "127.0.0.2")
        assert (await look(by_name, authority=tls[1])).failure is not None


async def test_a_server_that_speaks_no_tls() -> None:
    async with saying() as backend:
        failed(await look(backend.url.replace("http:", "https:")), "TLSFailed", "does that port speak https?")


async def test_a_server_that_speaks_tls_only(tls: tuple[ssl.SSLContext, str]) -> None:
    async with saying(tls=tls[0]) as backend:
        made = await look(backend.url.replace("https:", "http:"))
    assert made.failure is not None
    assert made.failure.reason in {"NotPrometheus", "BrokenOff", "QueryRefused"}


@pytest.mark.parametrize(
    ("access", "words"),
    [
        ({"bearer": "two words"}, "the token in the Secret is not one word of ASCII"),
        ({"bearer": "a\r\nX-Admin: 1"}, "the token in the Secret is not one word of ASCII"),
        ({"bearer": "schlüssel"}, "the token in the Secret is not one word of ASCII"),
        ({"authority": "no certificate"}, "what caSecretRef points to holds no certificates (PEM)"),
        ({"authority": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"}, "no certificates (PEM)"),
    ],
)  # fmt: skip
async def test_credentials_that_cannot_be_used_are_told_and_nothing_is_sent(
    access: dict[str, str], words: str
) -> None:
    async with saying() as backend:
        made = await look(backend.url, **access)
    failed(made, "InvalidCredentials", words)
    assert backend.asked == []


@pytest.mark.parametrize(
    "more",
    [
        {"warnings": ["No StoreAPIs matched for this query"]},
        {"warnings": ["x"], "infos": ["y"]},
        {"isPartial": True},
    ],
)
async def test_a_partial_answer_brings_its_calls_and_a_failure_so_that_nothing_ages(
    more: dict[str, Any],
) -> None:
    async with saying(presence=vector(**more)) as backend:
        made = await look(backend.url)
    assert made.calls == {A_B: 1}
    assert made.failure is not None
    assert made.failure.reason == "PartialAnswer"
    assert "so nothing is taken for gone" in made.failure.message
    assert made.warnings


async def test_a_remark_about_the_query_is_shown_and_is_no_failure() -> None:
    async with saying(presence=vector(infos=["metric might not be a counter"])) as backend:
        made = await look(backend.url)
    assert made.failure is None
    assert made.warnings == ("metric might not be a counter",)


async def test_a_warning_of_the_engine_about_the_query_is_no_missing_part_of_the_answer() -> None:
    said = "PromQL warning: encountered a mix of histograms and floats"
    async with saying(presence=vector(warnings=[said])) as backend:
        made = await look(backend.url)
    assert made.failure is None
    assert said in " ".join(made.warnings)


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        ({"volume_status": 422, "volume": error("too many samples")}, "too many samples"),
        ({"volume": b"<html>"}, "no JSON"),
        ({"volume": BODY[:-3]}, "ends in the middle"),
    ],
)
async def test_volume_that_fails_alone_is_no_failure_of_the_poll(backend: dict[str, Any], words: str) -> None:
    async with saying(**backend) as served:
        made = await look(served.url)
    assert (made.failure, set(made.calls)) == (None, {A_B})
    (warning,) = made.warnings
    assert warning.startswith("no volume: ")
    assert words in warning


async def test_without_a_query_for_volume_none_is_asked() -> None:
    async with saying() as backend:
        made = await look(backend.url, volume="")
    assert made.calls == {A_B: None}
    assert len(backend.asked) == 1


async def test_values_that_are_no_numbers_show_a_call_all_the_same() -> None:
    series = [
        {"metric": {"client": "a", "server": value}, "value": [1.5, value]}
        for value in ("NaN", "+Inf", "-Inf", "0", "-1", "1e400")
    ]
    async with saying(presence=vector(*series)) as backend:
        made = await look(backend.url)
    assert made.failure is None
    assert set(made.calls.values()) == {None}
    assert {call.server for call in made.calls} == {"NaN", "+Inf", "-Inf", "0", "-1", "1e400"}


async def test_names_that_cannot_be_kept_are_dropped_counted_and_told_nowhere() -> None:
    names = ["b", "b\x00", "b\x1b[31m", "b" * 2**20, "", "b\u202e", "\u0441heckout", "  b "]
    series = [{"metric": {"client": "a", "server": name}, "value": [1.5, "1"]} for name in names]
    async with saying(presence=vector(*series)) as backend:
        made = await look(backend.url)
    assert made.failure is None
    assert {call.server for call in made.calls} == {"b", "\u0441heckout"}
    assert made.dropped == {"invisible characters": 3, "name too long": 1, "no name": 1}
    assert made.series == 8


async def test_twins_and_replicas_that_a_query_leaves_apart_are_one_call() -> None:
    twins = [
        {"metric": {"client": "a", "server": "b", "failed": failed, "instance": at}, "value": [1.5, "5"]}
        for failed in ("true", "false")
        for at in ("one", "two")
    ]
    async with saying(presence=vector(*twins)) as backend:
        made = await look(backend.url)
    assert made.calls == {A_B: 1}, "20 calls in all"


async def test_a_poll_that_is_given_up_leaves_no_connection() -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def hang(request: web.Request) -> web.StreamResponse:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            gone.set()
        raise AssertionError(request)

    async with answering(hang) as backend:
        polling = asyncio.create_task(look(backend.url))
        await asked.wait()
        polling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await polling
        await gone.wait()


async def test_polls_are_counted_by_source_and_result_until_the_source_is_forgotten() -> None:
    metrics.forget_source("otel")
    async with saying() as good, saying(500) as bad, saying(presence=vector(warnings=["w"])) as partial:
        for backend in (good, bad, partial):
            last = await look(backend.url)
            if backend is good:
                at = last.at
    for result in ("good", "failed", "partial"):
        assert reading("servicegraph_polls_total", source="otel", result=result) == 1
    assert reading("servicegraph_poll_series", source="otel") == 1
    assert reading("servicegraph_poll_last_good_timestamp_seconds", source="otel") == at.timestamp()
    assert reading("servicegraph_poll_seconds_count", source="otel") == 3
    metrics.forget_source("otel")
    assert metrics.registry.get_sample_value("servicegraph_poll_series", {"source": "otel"}) is None
