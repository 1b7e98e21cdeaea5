"""Cursors: where the next page of a list begins.

A cursor is the position of the last item of a page, by its ids, not a count: so it stays right when the graph changes between
two pages. It is sealed together with the question, since the middle of one list is no place in another. It is opaque to
clients, who hand it back unchanged.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from typing import TYPE_CHECKING

import orjson

from servicegraph.errors import BadInput
from servicegraph.model.ids import parse_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from servicegraph.model.ids import ServiceKey

_SEAL = 9
"""Bytes of the seal: enough for accidents. There is no secret in a cursor, so a seal that is forged gains nothing."""


def write(question: str, *keys: ServiceKey) -> str:
    """The cursor, for the same question, of the item that these services identify."""
    return write_words(question, *map(str, keys))


def write_words(question: str, *words: str) -> str:
    """The cursor, for the same question, of the item that these words identify."""
    return urlsafe_b64encode(orjson.dumps([_seal(question, words), *words])).rstrip(b"=").decode()


def read(question: str, cursor: str, length: int) -> tuple[ServiceKey, ...]:
    """The `length` services that `cursor` was made of.

    Raises:
        BadInput: it is no cursor, or one of another question.
    """
    ids = read_words(question, cursor, length)
    try:
        return tuple(parse_id(one) for one in ids)
    except BadInput:
        raise unusable() from None


def read_words(question: str, cursor: str, length: int) -> tuple[str, ...]:
    """The `length` words that `cursor` was made of.

    Raises:
        BadInput: it is no cursor, or one of another question.
    """
    try:
        text = orjson.loads(urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)))
    except (binascii.Error, UnicodeEncodeError, orjson.JSONDecodeError):
        raise unusable() from None
    if not isinstance(text, list) or len(text) != length + 1 or not all(isinstance(one, str) for one in text):
        raise unusable()
    _, *words = text
    if cursor != write_words(question, *words):
        raise unusable()
    return tuple(words)


def unusable() -> BadInput:
    """The refusal of a cursor that is none of this list."""
    return BadInput(
        "cursor cannot be used; it takes the next_cursor of a page of the same list with the same filters, unchanged"
    )


def _seal(question: str, words: Iterable[str]) -> str:
    made_of = repr((question, *words)).encode("utf-8", "backslashreplace")
    return urlsafe_b64encode(blake2b(made_of, digest_size=_SEAL).digest()).decode()
