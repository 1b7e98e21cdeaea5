"""Lists as people know them from kubectl: left-aligned columns under capital heads, ages instead of times.

Pure: from words to text. No line is ever broken, so that other programs can read it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_GAP = "   "
_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def columns(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The rows under their heads, a line each."""
    lines = [heads, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "".join(
        _GAP.join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip() + "\n"
        for line in lines
    )


def age(since: datetime, now: datetime) -> str:
    """How long ago `since` was, in its largest unit: 3d, 5h, 12m, 40s."""
    seconds = max(0, int((now - since).total_seconds()))
    unit, size = next(((unit, size) for unit, size in _UNITS if seconds >= size), _UNITS[-1])
    return f"{seconds // size}{unit}"
