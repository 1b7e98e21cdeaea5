"""What a check has found out about one object, in the words of a condition.

A verdict is a value: `writeback` turns it into a condition of the object's status; HTTP and the command line print it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MAX_MESSAGE = 1_000
"""Characters of a message at most; a condition takes more, a person does not."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One statement about one object."""

    type: str
    """The condition's type, as `Resolved`."""
    status: Literal["True", "False", "Unknown"]
    reason: str
    """CamelCase, from a closed list of the check."""
    message: str
    """What holds, and what to do about it; at most `MAX_MESSAGE` characters."""
    count: int = 0
    """How many of the object's dependencies the verdict is about."""


def listed(parts: list[str], room: int, *, beyond: int = 0) -> str:
    """The parts joined by `; ` as far as they fit into `room` characters, and how many more there are.

    Args:
        parts: what may be shown, the most important first.
        room: the longest that the text may be.
        beyond: how many more there are than `parts`.
    """
    text = ""
    for at, part in enumerate(parts):
        left = len(parts) - at + beyond
        longer = f"{text}; {part}" if at else part
        if len(longer) + len(_more(left - 1)) > room:
            return text + _more(left) if text else part[: room - 1] + "…"
        text = longer
    return text + _more(beyond)


def _more(number: int) -> str:
    """What stands for so many that are not shown."""
    return f"; and {number} more" if number else ""
