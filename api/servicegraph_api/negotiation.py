"""Which format an answer is given in: `format=` picks it, else the `Accept` header, else JSON.

Content negotiation of RFC 9110 §12.5.1, quality values included. A request that accepts nothing of what a route can give is
told so (406) instead of being sent what it cannot read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from servicegraph_api.problems import Problem, cut

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_EVERYTHING = frozenset({"", "*/*"})
"""What most clients accept."""

_QUALITY = re.compile(r"q\s*=\s*([01](?:\.[0-9]{0,3})?)")


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write an answer."""

    name: str
    media: tuple[str, ...]
    """The media types it may be sent as, best first."""


JSON = Format("json", ("application/json",))
MERMAID = Format("mermaid", ("text/vnd.mermaid", "text/plain"))
DOT = Format("dot", ("text/vnd.graphviz", "text/plain"))


def choose(offered: Sequence[Format], wanted: Format | None, accept: str) -> tuple[Format, str]:
    """The format to answer in and the media type to send it as.

    Args:
        offered: what the route can give, best first.
        wanted: the format that the request names, if it does.
        accept: its Accept header; empty accepts everything.

    Raises:
        Problem: 406, when nothing of it is acceptable.
    """
    formats = offered if wanted is None else (wanted,)
    if accept in _EVERYTHING:
        return formats[0], formats[0].media[0]
    ranges = list(_ranges(accept)) if accept.strip() else [("*/*", 1.0)]
    options = [(form, media) for form in formats for media in form.media]
    best = max(options, key=lambda option: _quality(option[1], ranges))
    if _quality(best[1], ranges) > 0:
        return best
    possible = ", ".join(dict.fromkeys(media for _, media in options))
    raise Problem(
        HTTPStatus.NOT_ACCEPTABLE, f"Accept: {cut(accept)} cannot be served; this answer can be {possible}"
    )


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    """The media ranges of an Accept header with their quality; what is none is left out."""
    for part in accept.split(","):
        media, *options = (piece.strip().lower() for piece in part.split(";"))
        media = "*/*" if media == "*" else media
        if "/" in media:
            found = [quality[1] for option in options if (quality := _QUALITY.fullmatch(option))]
            yield media, float(found[0]) if found else 1.0


def _quality(media: str, ranges: list[tuple[str, float]]) -> float:
    """How welcome `media` is: the quality of the most specific range that covers it, 0 when none does."""
    for covering in (media, f"{media.partition('/')[0]}/*", "*/*"):
        found = [quality for media_range, quality in ranges if media_range == covering]
        if found:
            return max(found)
    return 0.0
