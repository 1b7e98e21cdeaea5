"""How a query string is read: parameters as typed values, and what is said about one that cannot be used.

One `Parameter` is the single source of parsing, of the message for a bad value and of the reference pages, so that the three
cannot disagree. A query is read as a whole by `read`; anything it does not know is an error, never ignored. Which parameters
there are stands in `parameters`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from servicegraph.errors import BadInput
from servicegraph_api.problems import cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from multidict import MultiMapping

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Parameter(Generic[T]):
    """One query parameter."""

    name: str
    parse: Callable[[str], T]
    """Reads a value; raises ValueError for one that cannot be used."""
    default: T
    """The value when it is left out."""
    takes: str
    """What values there are, in words that follow "it takes"."""
    says: str
    """What the parameter does, in a sentence."""
    schema: Mapping[str, Any]
    """The values as JSON Schema."""


class Query:
    """The values of one request, asked for by parameter: `query[DEPTH]`."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __getitem__(self, parameter: Parameter[T]) -> T:
        value: T = self._values[parameter.name]
        return value

    @property
    def normal(self) -> str:
        """The same text for any spelling and order of the same question."""
        return self.normal_but()

    def normal_but(self, *parameters: Parameter[Any]) -> str:
        """The same, whatever these parameters say."""
        left_out = {parameter.name for parameter in parameters}
        return repr(sorted((name, value) for name, value in self._values.items() if name not in left_out))


def read(parameters: Iterable[Parameter[Any]], given: MultiMapping[str]) -> Query:
    """Read the query string `given` of a route that knows `parameters`.

    Raises:
        BadInput: naming the parameter that is unknown, given twice or has a value that it does not take.
    """
    known = {parameter.name: parameter for parameter in parameters}
    values: dict[str, Any] = {name: parameter.default for name, parameter in known.items()}
    seen = set()
    for name, text in given.items():
        if name not in known:
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            raise BadInput(f"unknown parameter {cut(name)} on this path; {takes}")
        if name in seen:
            raise BadInput(f"parameter {name!r} is given twice; give it once")
        seen.add(name)
        try:
            values[name] = known[name].parse(text)
        except ValueError:
            raise BadInput(f"{name}={cut(text)} cannot be used; it takes {known[name].takes}") from None
    return Query(values)


def whole(name: str, least: int, most: int, default: int, says: str) -> Parameter[int]:
    """A whole number from `least` to `most`."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise ValueError(text)
        return int(text)

    schema = {"type": "integer", "minimum": least, "maximum": most, "default": default}
    return Parameter(name, parse, default, f"a whole number from {least} to {most}", says, schema)


def share(name: str, says: str) -> Parameter[float]:
    """A number from 0 to 1, 0 by default."""

    def parse(text: str) -> float:
        if not re.fullmatch(r"[0-9]{0,3}\.?[0-9]{1,9}", text) or float(text) > 1:
            raise ValueError(text)
        return float(text)

    schema = {"type": "number", "minimum": 0, "maximum": 1, "default": 0}
    return Parameter(name, parse, 0.0, "a number from 0 to 1", says, schema)


def switch(name: str, says: str) -> Parameter[bool]:
    """Either true or false, false by default."""

    def parse(text: str) -> bool:
        if text.lower() not in {"true", "false"}:
            raise ValueError(text)
        return text.lower() == "true"

    return Parameter(name, parse, default=False, takes="true or false", says=says, schema={"type": "boolean"})


def choice(name: str, words: Mapping[str, T], default: T, says: str) -> Parameter[T]:
    """One of `words`, in any case, standing for its value."""
    by_word = {word.lower(): value for word, value in words.items()}

    def parse(text: str) -> T:
        try:
            return by_word[text.lower()]
        except KeyError:
            raise ValueError(text) from None

    return Parameter(name, parse, default, ", ".join(words), says, {"type": "string", "enum": list(words)})


def free(name: str, says: str) -> Parameter[str | None]:
    """Any text; None when left out."""
    return Parameter(
        name, not_empty, None, "a text that is not empty", says, {"type": "string", "minLength": 1}
    )


def not_empty(text: str) -> str:
    """`text`, which must not be empty."""
    if not text:
        raise ValueError(text)
    return text
