"""Cursors: where the next page of a list begins.

A cursor is the position of the last item of a page, by its ids, not a count: so it stays right when the graph changes between
two pages. It is opaque to clients, who hand it back unchanged.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING

import orjson

from servicegraph.errors import BadInput
from servicegraph.model.ids import parse_id

if TYPE_CHECKING:
    from servicegraph.model.ids import ServiceKey


def write(*keys: ServiceKey) -> str:
    """The cursor of the item that these services identify."""
    return write_words(*map(str, keys))


def write_words(*words: str) -> str:
    """The cursor of the item that these words identify."""
    return urlsafe_b64encode(orjson.dumps(words)).rstrip(b"=").decode()


def read(cursor: str, length: int) -> tuple[ServiceKey, ...]:
    """The `length` services that `cursor` was made of.

    Raises:
        BadInput: it is no cursor, or one of another list.
    """
    ids = read_words(cursor, length)
    try:
        return tuple(parse_id(one) for one in ids)
    except BadInput:
        raise unusable() from None


def read_words(cursor: str, length: int) -> tuple[str, ...]:
    """The `length` words that `cursor` was made of.

    Raises:
        BadInput: it is no cursor, or one of another list.
    """
    try:
        words = orjson.loads(urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)))
    except (binascii.Error, UnicodeEncodeError, orjson.JSONDecodeError):
        raise unusable() from None
    if isinstance(words, list) and len(words) == length and all(isinstance(one, str) for one in words):
        return tuple(words)
    raise unusable()


def unusable() -> BadInput:
    """The refusal of a cursor that is none of this list."""
    return BadInput("cursor cannot be used; it takes the next_cursor of a page of the same list, unchanged")
