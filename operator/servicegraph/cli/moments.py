"""When something ends, as people write it on the command line: after a span, on a day, at a time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import click

_SPAN = re.compile(
    r"(?=.)((?P<days>[0-9]{1,5})d)?((?P<hours>[0-9]{1,5})h)?((?P<minutes>[0-9]{1,5})m)?((?P<seconds>[0-9]{1,5})s)?"
)
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?"
)
_TAKES = (
    "write a span such as 90d, 12h or 1h30m, a day such as 2027-01-31,"
    " or a time such as '2027-01-31 13:30', which is in UTC unless it names an offset as in 2027-01-31T13:30:00+01:00"
)


def moment(text: str, now: datetime, option: str) -> datetime:
    """The time that `text`, given with `option`, means at the time `now`.

    Raises:
        click.BadParameter: it means none, or one that has passed.
    """
    span = _SPAN.fullmatch(text)
    try:
        end = now + _length(span) if span else _named(text)
    except (ValueError, OverflowError):
        raise click.BadParameter(f"{text!r} is no time; {_TAKES}", param_hint=option) from None
    if end <= now:
        raise click.BadParameter(f"{text!r} has passed already; {_TAKES}", param_hint=option)
    return end


def _named(text: str) -> datetime:
    """The day or time that `text` names, in UTC; without an offset it is meant in UTC.

    Raises:
        ValueError, OverflowError: there is no such time.
    """
    if not _TIME.fullmatch(text):
        raise ValueError(text)
    said = datetime.fromisoformat(text)
    return said.replace(tzinfo=UTC) if said.tzinfo is None else said.astimezone(UTC)


def _length(span: re.Match[str]) -> timedelta:
    """How long the matched `span` is."""
    return timedelta(**{unit: int(count) for unit, count in span.groupdict("0").items()})
