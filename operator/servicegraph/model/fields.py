r"""The kinds of text that custom resources hold: how each looks, how long it may be, and in words what it takes.

Every string is bounded and has a pattern, so that nothing reaches the graph that Postgres or a terminal chokes on. A pattern
must mean the same to the API server (Go's RE2) and to pydantic (Rust's regex): no look-around, no `\s` (ASCII there, Unicode
here); in both `$` is the end of the text.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from servicegraph.model.ids import NAME_PATTERN

NAMESPACE_PATTERN = r"^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$"
WORD_PATTERN = r"^[^ \x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^ \x00-\x1f\x7f-\x9f])?$"
LINE_PATTERN = r"^[^\x00-\x1f\x7f-\x9f]*$"
TEXT_PATTERN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"
LABEL_KEY_PATTERN = r"^[A-Za-z0-9]([-A-Za-z0-9_./]{0,126}[A-Za-z0-9])?$"
DURATION_PATTERN = r"^([0-9]{1,5}(h|m|s|ms)){1,4}$"
"""Durations as the Gateway API writes them (GEP-2257): a subset of Go's, without signs and fractions."""
PERCENT_PATTERN = r"^(100(\.0{1,6})?|[0-9]{1,2}(\.[0-9]{1,6})?)$"
TIMESTAMP_PATTERN = (
    r"^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
TIMESTAMP_OR_NOTHING_PATTERN = f"^$|{TIMESTAMP_PATTERN}"
URL_PATTERN = (
    r"^https?://([A-Za-z0-9]([-A-Za-z0-9._]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(:(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5]?[0-9]{1,4}))?(/[-A-Za-z0-9._~%:+,;=/]*)?$"
)
"""Where a server is: no user and password, no query, no fragment."""
SECRET_NAME_PATTERN = r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"  # noqa: S105 - a name is no secret
SECRET_KEY_PATTERN = r"^[-._A-Za-z0-9]{1,253}$"  # noqa: S105 - nor is the name of a key
TENANT_PATTERN = r"^[-A-Za-z0-9!_.*'()|]{1,150}$"
"""What Mimir takes as ids of tenants, several joined by `|`."""
REASON_PATTERN = r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"

TAKES = {
    NAME_PATTERN: "letters, digits, '-', '.' and '_', with a letter or digit at both ends",
    NAMESPACE_PATTERN: "the name of a namespace: lower-case letters, digits and '-', at most 63",
    WORD_PATTERN: "a word without control characters or spaces around it",
    LINE_PATTERN: "one line without control characters",
    TEXT_PATTERN: "text without control characters other than line ends and tabs",
    LABEL_KEY_PATTERN: "letters, digits, '-', '_', '.' and '/', with a letter or digit at both ends, at most 128",
    DURATION_PATTERN: "a duration such as 300ms, 5s or 1h30m",
    PERCENT_PATTERN: 'a percentage up to 100 as a string, such as "99.95"',
    TIMESTAMP_PATTERN: "a time such as 2027-01-31T00:00:00Z",
    TIMESTAMP_OR_NOTHING_PATTERN: 'a time such as 2027-01-31T00:00:00Z, or ""',
    URL_PATTERN: "an address such as http://prometheus.monitoring:9090, with a path where there is one; a user, a password or a"
    " query have no place there",
    SECRET_NAME_PATTERN: "the name of a Secret: lower-case letters, digits, '-' and '.'",
    SECRET_KEY_PATTERN: "a key of a Secret: letters, digits, '-', '_' and '.'",
    TENANT_PATTERN: "an id of a tenant: letters, digits and any of !-_.*'(), several joined by |",
}
"""What a text of each pattern looks like, in words for people."""

TOLD = {
    NAME_PATTERN: f"self.matches(r'{NAME_PATTERN}')",
    NAMESPACE_PATTERN: f"self.matches(r'{NAMESPACE_PATTERN}')",
    WORD_PATTERN: f"self.matches(r'{WORD_PATTERN}')",
    LINE_PATTERN: f"self.matches(r'{LINE_PATTERN}')",
    TEXT_PATTERN: f"self.matches(r'{TEXT_PATTERN}')",
    DURATION_PATTERN: f"self.matches(r'{DURATION_PATTERN}')",
    PERCENT_PATTERN: f"self.matches(r'{PERCENT_PATTERN}')",
    TIMESTAMP_PATTERN: f"self.matches(r'{TIMESTAMP_PATTERN}') && timestamp(self).getFullYear() > 0",
    TIMESTAMP_OR_NOTHING_PATTERN: f"self == '' || self.matches(r'{TIMESTAMP_PATTERN}')"
    " && timestamp(self).getFullYear() > 0",
    URL_PATTERN: f"self.matches(r'{URL_PATTERN}')",
    SECRET_NAME_PATTERN: f"self.matches(r'{SECRET_NAME_PATTERN}')",
    SECRET_KEY_PATTERN: f"self.matches(r'{SECRET_KEY_PATTERN}')",
    TENANT_PATTERN: f'self.matches(r"{TENANT_PATTERN}")',
}
"""Patterns that the schema says as a CEL rule, whose message is words: of a pattern the API server tells the bare regex.

A time has no `format` there either: its answer names no example, and CEL would no longer see the text. `timestamp` fails, and
with it the rule, for a day that no calendar has.
"""


def parse_time(text: str) -> datetime:
    """The moment that an RFC 3339 `text` names, in UTC.

    Raises:
        ValueError: there is no such moment (30 February), or it says no offset.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} says no offset from UTC")
    return moment.astimezone(UTC)


def print_time(moment: datetime) -> str:
    """RFC 3339 in UTC with whole seconds, as Kubernetes writes its times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_UNITS = {"h": "hours", "m": "minutes", "s": "seconds", "ms": "milliseconds"}


def parse_duration(text: str) -> timedelta:
    """The length of time that a `text` of the pattern for durations says; `1h30m` is 90 minutes."""
    parts = re.findall(r"([0-9]+)(ms|h|m|s)", text)
    return sum((timedelta(**{_UNITS[unit]: int(number)}) for number, unit in parts), timedelta())


def print_duration(seconds: float) -> str:
    """A length of time as `parse_duration` reads it, to the millisecond: `90s`, `1s500ms`."""
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{whole}s{thousandths}ms" if thousandths else f"{whole}s"


def _real_time(text: str) -> str:
    """Refuse a time that matches the pattern and is none all the same."""
    try:
        if text:
            parse_time(text)
    except (ValueError, OverflowError) as error:
        raise PydanticCustomError(
            "no_such_time", "there is no such time; write one such as 2027-01-31T00:00:00Z"
        ) from error
    return text


def _whole(number: Any) -> Any:
    """Take 3.0 for 3, as the API server does; JSON has one kind of number."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


Name = Annotated[str, Field(min_length=1, max_length=253, pattern=NAME_PATTERN)]
Namespace = Annotated[str, Field(max_length=63, pattern=NAMESPACE_PATTERN)]
Word = Annotated[str, Field(min_length=1, max_length=63, pattern=WORD_PATTERN)]
LabelValue = Annotated[str, Field(max_length=253, pattern=LINE_PATTERN)]
LabelKey = Annotated[str, Field(max_length=128, pattern=LABEL_KEY_PATTERN)]
Text = Annotated[str, Field(max_length=1024, pattern=TEXT_PATTERN)]
Duration = Annotated[str, Field(max_length=32, pattern=DURATION_PATTERN)]
Percent = Annotated[str, Field(max_length=10, pattern=PERCENT_PATTERN)]
Attempts = Annotated[int, Field(ge=1, le=100, json_schema_extra={"format": "int32"}), BeforeValidator(_whole)]
Timestamp = Annotated[
    str,
    Field(max_length=40, pattern=TIMESTAMP_PATTERN),
    AfterValidator(_real_time),
]
TimestampOrNothing = Annotated[
    str, Field(max_length=40, pattern=TIMESTAMP_OR_NOTHING_PATTERN), AfterValidator(_real_time)
]
Url = Annotated[str, Field(max_length=1024, pattern=URL_PATTERN)]
SecretName = Annotated[str, Field(max_length=253, pattern=SECRET_NAME_PATTERN)]
SecretKey = Annotated[str, Field(max_length=253, pattern=SECRET_KEY_PATTERN)]
Tenant = Annotated[str, Field(max_length=150, pattern=TENANT_PATTERN)]
