"""Objects that only wait, as bytes: an eighth of the memory that they take as dictionaries of dictionaries.

A full list and the inbox hold every object of the cluster for a while. They keep bodies packed, and unpack one when its turn
comes. The bytes never leave the process.
"""

from __future__ import annotations

import marshal
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

    Body = dict[str, Any]


def pack(body: Body) -> bytes:
    """The body as bytes; anything that can be read from JSON can be packed."""
    return marshal.dumps(body)


def unpack(packed: bytes) -> Body:
    """A body equal to the one that was packed."""
    body: Body = marshal.loads(packed)  # noqa: S302 - bytes that `pack` made in this process
    return body


def written(value: Any) -> bytes:
    """The value as JSON that is kept for long: without the room, up to three times its size, that orjson leaves behind it."""
    return bytes(memoryview(orjson.dumps(value, option=orjson.OPT_UTC_Z)))


class Bodies:
    """A list of bodies that unpacks each when it is asked for."""

    def __init__(self) -> None:
        self._packed: list[bytes] = []

    def append(self, body: Body) -> None:
        """Add a body at the end."""
        self._packed.append(pack(body))

    def extend(self, others: Bodies) -> None:
        """Add other bodies at the end."""
        self._packed += others._packed

    def __len__(self) -> int:
        return len(self._packed)

    def __iter__(self) -> Iterator[Body]:
        return map(unpack, self._packed)
