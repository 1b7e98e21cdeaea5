"""What is wrong with an object, field by field, in sentences that name the fix.

Pydantic says what it refused in its own words; people who wrote YAML get the path of the field, what they wrote, and what the
field takes. `model.translate` puts these into the object's conditions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from servicegraph.model.fields import TAKES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_SHOWN = 3
"""Faults that are told; an object with more of them is mended step by step."""
_WHOLE = {
    "missing": "is required; add it",
    "extra_forbidden": "there is no such field; remove it or check its spelling",
    "string_too_long": "is too long; it takes at most {max_length} characters",
    "string_too_short": "is empty; write something or leave it out",
    "too_long": "has too many entries; it takes at most {max_length}",
}
_TAKEN = {
    "literal_error": "{expected}",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "string_type": "a string; put it in quotes",
    "string_unicode": "text in valid Unicode",
    "int_type": "a whole number",
    "list_type": "a list",
    "dict_type": "a map",
    "model_type": "a map of fields",
}


class Fault(NamedTuple):
    """One thing that is wrong."""

    path: str
    """The field, as `spec.dependencies[3].mode`."""
    sentence: str
    """What is wrong and what the field takes."""

    def __str__(self) -> str:
        return f"{self.path}: {self.sentence}"


def faults(error: ValidationError, root: str = "spec") -> list[Fault]:
    """Everything that validation refused, in the order of the fields; `root` is what paths begin with."""
    return [Fault(_path(root, one), _sentence(one)) for one in error.errors(include_url=False)]


def summary(found: Iterable[Fault]) -> str:
    """The first faults in one line, and how many more there are."""
    lines = [str(one) for one in found]
    more = f"; and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
    return "; ".join(lines[:_SHOWN]) + more


def shown(value: Any) -> str:
    """A value as it may stand in a message: short, printable, without control characters."""
    if value is None:
        return "null"
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _path(root: str, one: ErrorDetails) -> str:
    """Where it is, as people write it: names joined by dots, positions in brackets.

    A rule about several fields is checked where they come together; `at` in its context names the one at fault.
    """
    steps: list[int | str] = [step for step in one["loc"] if step != "[key]"]
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{_printable(step)}" for step in steps)
    at = one.get("ctx", {}).get("at")
    return f"{root}{path}.{at}" if at else root + path


def _printable(name: str) -> str:
    """The name of a field or the key of a label, which may be anything."""
    return name if 0 < len(name) <= 60 and name.isprintable() else shown(name)


def _sentence(one: ErrorDetails) -> str:
    """One refusal of pydantic in plain words."""
    context = one.get("ctx", {})
    if one["type"] in _WHOLE:
        return _WHOLE[one["type"]].format_map(context)
    takes = _takes(one["type"], context)
    return f"{shown(one['input'])} cannot be used; it takes {takes}" if takes else one["msg"]


def _takes(kind: str, context: dict[str, Any]) -> str | None:
    """What the field takes instead of what was given."""
    if kind == "string_pattern_mismatch":
        return TAKES[context["pattern"]]
    return _TAKEN[kind].format_map(context) if kind in _TAKEN else None
