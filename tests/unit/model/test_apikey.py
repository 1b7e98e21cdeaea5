"""What keys look like, and which of them is good."""

from __future__ import annotations

import string
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicegraph.model.apikey import SHAPE, ApiKey, Scope, digest, forge, id_of

NOW = datetime(2026, 12, 1, tzinfo=UTC)
WORDS = string.ascii_letters + string.digits


def key(text: str, expires_at: datetime | None = None, revoked_at: datetime | None = None) -> ApiKey:
    return ApiKey(
        "a" * 8, "team", digest(text), Scope.READ, NOW, expires_at=expires_at, revoked_at=revoked_at
    )


def test_a_key_is_one_word_of_the_shape_that_is_promised() -> None:
    text = forge()
    head, name, rest = text.split("_")
    assert (head, len(name), len(rest)) == ("sg", 8, 43 + 6)
    assert set(name + rest) <= set(WORDS)
    assert SHAPE.fullmatch(text)
    assert id_of(text) == name


def test_no_two_keys_are_alike() -> None:
    texts = {forge() for _ in range(200)}
    assert len({id_of(text) for text in texts}) == len(texts) == 200


def test_the_checksum_is_the_crc_of_what_stands_before_it_in_base_62() -> None:
    text = forge()
    digits = string.digits + string.ascii_uppercase + string.ascii_lowercase
    number = 0
    for digit in text[-6:]:
        number = number * 62 + digits.index(digit)
    assert number == zlib.crc32(text[:-6].encode())


@given(st.integers(3, 60), st.sampled_from(WORDS))
def test_one_wrong_letter_is_noticed_without_asking_anybody(at: int, letter: str) -> None:
    text = forge()
    slipped = text[:at] + letter + text[at + 1 :]
    assert id_of(slipped) is None or slipped == text


@given(st.text(max_size=80))
def test_anything_else_is_no_key(text: str) -> None:
    assert id_of(text) is None


@pytest.mark.parametrize("change", [str.upper, str.lower, lambda text: f"{text} ", lambda text: text[:-1]])
def test_a_key_that_was_changed_on_the_way_is_none(change: object) -> None:
    assert callable(change)
    assert id_of(change(forge())) is None


def test_only_the_whole_key_opens() -> None:
    text = forge()
    assert key(text).opens_with(text)
    assert not key(text).opens_with(forge())
    assert not key(text).opens_with(text[:-1] + ("0" if text[-1] != "0" else "1"))
    assert not key(text).opens_with("")
    assert not key(text).opens_with("\udc80 bytes that are no text")


def test_what_is_kept_of_a_key_shows_nothing_of_it() -> None:
    text = forge()
    assert text not in repr(key(text))
    assert digest(text).hex() not in repr(key(text))
    assert str(digest(text)) not in repr(key(text))


def test_each_scope_includes_those_before_it() -> None:
    included = {(one, other) for one in Scope for other in Scope if one.includes(other)}
    assert included == {
        (Scope.READ, Scope.READ),
        (Scope.INGEST, Scope.READ),
        (Scope.INGEST, Scope.INGEST),
        (Scope.ADMIN, Scope.READ),
        (Scope.ADMIN, Scope.INGEST),
        (Scope.ADMIN, Scope.ADMIN),
    }


def test_a_key_is_good_until_the_moment_it_expires_or_is_revoked() -> None:
    assert key("").problem(NOW) is None
    ending = key("", expires_at=NOW)
    assert ending.problem(NOW - timedelta(microseconds=1)) is None
    assert ending.problem(NOW) == "expired at 2026-12-01 00:00:00+00:00"
    assert key("", revoked_at=NOW).problem(NOW) == "was revoked at 2026-12-01 00:00:00+00:00"
