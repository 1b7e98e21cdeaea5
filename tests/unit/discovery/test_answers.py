"""Reading answers piece by piece."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicegraph.discovery.access import MOST_AT_ONCE, Access
from servicegraph.discovery.answers import Reader, Remarks, Series
from servicegraph.discovery.failures import Unanswered

WANTED = {"client", "server"}
USUAL = Access("http://a")
LABELS = st.dictionaries(st.sampled_from(["client", "server", "job", "status", "metric"]), st.text())
VALUES = st.sampled_from(["1", "0.5", "NaN", "+Inf", "1e+300"])
RESULTS = st.lists(st.fixed_dictionaries({"metric": LABELS, "value": st.tuples(st.just(1.5), VALUES)}))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["data", "result"]), inner),
)


def read(body: bytes, size: int = 2**16, access: Access = USUAL) -> tuple[list[Series], Remarks]:
    """The series and remarks of an answer that comes in pieces of this size."""
    found: list[Series] = []
    reader = Reader(access, WANTED, found.append)
    for begin in range(0, len(body), size):
        reader.feed(body[begin : begin + size])
    return found, reader.end()


def answer(result: Any, **more: Any) -> bytes:
    said = {"status": "success", "data": {"resultType": "vector", "result": result}, **more}
    return json.dumps(said, ensure_ascii=False).encode()


def refused(body: bytes, access: Access = USUAL, size: int = 2**16) -> tuple[str, str]:
    """Reason and message."""
    with pytest.raises(Unanswered) as found:
        read(body, size, access)
    return found.value.failure.reason, found.value.failure.message


@given(RESULTS, st.integers(1, 50))
def test_any_pieces_make_the_same_series(result: list[dict[str, Any]], size: int) -> None:
    body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()
    found, remarks = read(body, size)
    wanted = [{name: text for name, text in one["metric"].items() if name in WANTED} for one in result]
    assert [one.labels for one in found] == wanted
    assert [one.value for one in found] == [one["value"][1] for one in result]
    assert remarks == Remarks()


@given(RESULTS)
def test_the_order_of_what_is_said_does_not_matter(result: list[dict[str, Any]]) -> None:
    turned = {
        "infos": ["i"],
        "warnings": ["w"],
        "data": {"result": [dict(reversed(one.items())) for one in result], "resultType": "vector"},
        "status": "success",
    }
    found, remarks = read(json.dumps(turned).encode())
    assert len(found) == len(result)
    assert remarks == Remarks(("w",), ("i",))


@given(st.binary() | JSON.map(lambda said: json.dumps(said).encode()))
def test_no_answer_at_all_does_more_than_to_be_refused(body: bytes) -> None:
    reason, message = refused(body)
    assert reason in {"NotPrometheus", "BrokenOff", "QueryRefused"}
    assert message.isprintable()


@given(RESULTS, st.data())
def test_half_an_answer_is_none(result: list[dict[str, Any]], data: st.DataObject) -> None:
    body = answer(result)
    reason, _ = refused(body[: data.draw(st.integers(0, len(body) - 1))])
    assert reason in {"BrokenOff", "NotPrometheus"}


def test_a_native_histogram_is_a_series_without_a_number() -> None:
    found, _ = read(answer([{"metric": {"client": "a"}, "histogram": [1, {"count": "3", "sum": "1"}]}]))
    assert found == [Series({"client": "a"}, "")]


def test_half_of_a_pair_of_surrogates_is_replaced_since_it_is_no_text() -> None:
    body = answer([{"metric": {"client": "a"}, "value": [1, "2"]}]).replace(b'"a"', b'"\\ud800a"')
    assert read(body)[0] == [Series({"client": "?a"}, "2")]


def test_fields_of_other_backends_are_passed_over() -> None:
    stats = {"seriesFetched": "10", "nested": {"result": [{"metric": {"client": "x"}}]}}
    body = answer([{"metric": {"client": "a"}, "value": [1, "2"]}], stats=stats, isPartial=False)
    assert read(body) == ([Series({"client": "a"}, "2")], Remarks())


def test_a_part_of_an_answer_says_so() -> None:
    _, remarks = read(answer([], isPartial=True, warnings=["one store is away\n", 3]))
    assert remarks.warnings == (
        "the backend says that this is only a part of the answer (isPartial)",
        "one store is away",
        "3",
    )


def test_remarks_are_cleaned_and_bounded() -> None:
    said = ["\x1b[31m" + "x" * 10_000, 'no store for {client="secret"}', *("w" for _ in range(1000))]
    _, remarks = read(answer([], warnings=said, infos=said))
    for lines in remarks:
        assert len(lines) == 10
        assert all(len(line) <= 300 and line.isprintable() for line in lines)
        assert lines[1] == "no store for {…}"


@pytest.mark.parametrize(
    ("body", "reason", "said"),
    [
        (b"", "NotPrometheus", "it answers nothing at all"),
        (b"<html><title>Log in</title>", "NotPrometheus", "it answers something that is no JSON"),
        (b"\x1f\x8b\x08\x00zipped", "NotPrometheus", "it answers something that is no JSON"),
        (b'"success"', "NotPrometheus", "it answers something else than Prometheus does"),
        (b"[]", "NotPrometheus", "it answers something else than Prometheus does"),
        (b'{"status":"success"}', "NotPrometheus", "it answers something else than Prometheus does"),
        (b'{"status":"success","data":[]}', "NotPrometheus", "something else than Prometheus does"),
        (b'{"status":"success","data":{"resultType":"vector","result":[', "BrokenOff", "in the middle"),
        (b'{"status":"success"}{"status":"success"}', "BrokenOff", "something that is no JSON"),
        (b'{"status":"success","data":\xff}', "BrokenOff", "something that is no JSON"),
        (b'{"status":"error","errorType":"execution","error":"x\\ny {a=1}"}', "QueryRefused",
         "it answers with an error (execution): x y {…}"),
        (b'{"status":"error"}', "QueryRefused", "it answers with an error: without a word"),
        (b'{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}', "QueryRefused",
         "the query gives a scalar: it must give an instant vector"),
        (b'{"status":"success","data":{"resultType":"matrix","result":[]}}', "QueryRefused", "a matrix"),
        (b"[" * 1000, "NotPrometheus", "nests deeper"),
        (b'{"a":' * 1000, "NotPrometheus", "nests deeper"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_told_in_words(body: bytes, reason: str, said: str) -> None:
    found = refused(body)
    assert found[0] == reason
    assert said in found[1]


def test_an_answer_may_have_so_many_bytes_and_series_and_no_more() -> None:
    one = {"metric": {"client": "a", "server": "b"}, "value": [1, "1"]}
    body = answer([one] * 10)
    assert len(read(body, access=Access("http://a", most_series=10, most_bytes=len(body)))[0]) == 10
    assert refused(body, Access("http://a", most_series=9)) == (
        "TooManySeries",
        "the answer has more than 9 series: aggregate away what does not tell calls apart, or split the source",
    )
    reason, message = refused(body, Access("http://a", most_bytes=len(body) - 1))
    assert reason == "TooLarge"
    assert "the answer is larger than" in message


def test_a_long_label_is_read_and_one_without_an_end_is_not_waited_for() -> None:
    long = "x" * 2**20
    assert read(answer([{"metric": {"client": long}, "value": [1, "1"]}]))[0][0].labels == {"client": long}
    endless = b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{"client":"'
    reason, message = refused(endless + b"x" * (MOST_AT_ONCE + 2**20))
    assert (reason, message) == ("TooLarge", "one label of the answer is larger than 4 MiB")
