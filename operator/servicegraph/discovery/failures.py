"""Everything that can be wrong with a source, in words with what to do: one place, so that conditions and logs say the same.

Nothing that a series says gets into a message: what comes from outside is one line, printable, short, and without the label
sets that Prometheus puts into some of its errors. `ask` raises these; `poll` makes the failure of a poll of them.
"""

from __future__ import annotations

import re
import ssl
from http import HTTPStatus

import aiohttp
import orjson

from servicegraph.model.telemetry import Failure

UNREACHABLE = "Unreachable"
TLS_FAILED = "TLSFailed"
TIMED_OUT = "TimedOut"
BROKEN_OFF = "BrokenOff"
UNAUTHORIZED = "Unauthorized"
FORBIDDEN = "Forbidden"
NOT_FOUND = "NotFound"
REDIRECTED = "Redirected"
QUERY_REFUSED = "QueryRefused"
BACKEND_FAILED = "BackendFailed"
REFUSED = "Refused"
TOO_LARGE = "TooLarge"
TOO_MANY_SERIES = "TooManySeries"
NOT_PROMETHEUS = "NotPrometheus"
INVALID_CREDENTIALS = "InvalidCredentials"
PARTIAL_ANSWER = "PartialAnswer"

_LONGEST = 300
_LABEL_SETS = re.compile(r"\{[^{}]*\}?")


class Unanswered(Exception):
    """A question got no answer that can be used; says why."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.failure = Failure(reason, message)


def words(text: str, longest: int = _LONGEST) -> str:
    """What somebody else said, as it may stand in a message of ours."""
    bare = _LABEL_SETS.sub("{…}", text[: 16 * longest])
    line = " ".join("".join(one if one.isprintable() else " " for one in bare).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def by_status(status: int, body: bytes, location: str = "") -> Unanswered:
    """For an answer that is none of the 2xx; `body` is its beginning."""
    said = _sentence(body)
    code = f"{status} {_phrase(status)}".strip()
    if 300 <= status < 400:
        where = words(location.partition("?")[0], 120)
        return Unanswered(
            REDIRECTED, f"it answers {code}, on to {where or 'elsewhere'}: give the URL that it has now"
        )
    fixed = {
        401: (UNAUTHORIZED, "check the token or the user and password in the Secret"),
        403: (FORBIDDEN, "who we are there may not ask; check the rights, or the tenant"),
        404: (NOT_FOUND, "the URL must be what comes before /api/v1/query"),
        429: (REFUSED, "it is asked too often; raise the interval"),
    }
    if status in fixed:
        reason, fix = fixed[status]
        return Unanswered(reason, f"it answers {code}{said}: {fix}")
    if status in {400, 422}:
        return Unanswered(QUERY_REFUSED, f"it does not take the query: {code}{said}")
    if status >= 500:
        return Unanswered(BACKEND_FAILED, f"it fails: {code}{said}")
    return Unanswered(REFUSED, f"it refuses: {code}{said}")


def by_error(kind: str, message: str) -> Unanswered:
    """For `status: error` in an answer whose HTTP status says that all is well."""
    about = f" ({words(kind, 40)})" if kind else ""
    return Unanswered(QUERY_REFUSED, f"it answers with an error{about}: {words(message) or 'without a word'}")


_TROUBLES: tuple[tuple[tuple[type[Exception], ...], str, str], ...] = (
    (
        (aiohttp.ConnectionTimeoutError,),
        TIMED_OUT,
        "nobody answers there: check host and port, and what lies between, such as network policies",
    ),
    (
        (TimeoutError,),
        TIMED_OUT,
        "no complete answer within {seconds:g} s: raise the timeout, or lighten what is asked",
    ),
    ((aiohttp.ClientConnectorDNSError,), UNREACHABLE, "there is no host {host} (DNS): check the URL"),
    (
        (aiohttp.ClientConnectorCertificateError,),
        TLS_FAILED,
        "its certificate is not trusted ({why}): caSecretRef says whom to trust",
    ),
    ((aiohttp.ClientSSLError, ssl.SSLError), TLS_FAILED, "TLS fails ({why}): does that port speak https?"),
    (
        (aiohttp.ClientConnectorError,),
        UNREACHABLE,
        "{host}:{port} cannot be reached ({why}): does it run, and is the URL right?",
    ),
    ((aiohttp.InvalidURL, UnicodeError), UNREACHABLE, "there can be no such host: check the URL"),
    ((aiohttp.ClientResponseError,), NOT_PROMETHEUS, "what it answers is no proper HTTP: check the port"),
    ((Exception,), BROKEN_OFF, "the connection broke off in the middle of an answer ({why})"),
)
"""By what is raised, the first that fits: the reason, and the words."""


def by_connection(error: Exception, seconds: float) -> Unanswered:
    """For what the HTTP client, or what lies below it, raises; an answer may take so many `seconds`."""
    facts = {
        "seconds": seconds,
        "host": words(str(getattr(error, "host", "")), 253),
        "port": getattr(error, "port", ""),
        "why": words(_why(error), 120),
    }
    return next(
        Unanswered(reason, said.format(**facts))
        for kinds, reason, said in _TROUBLES
        if isinstance(error, kinds)
    )


def _why(error: Exception) -> str:
    """The system's own word for what went wrong."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        error = error.certificate_error
    elif isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    said = [getattr(error, name, None) for name in ("verify_message", "reason", "strerror")]
    return next((str(one) for one in said if one), type(error).__name__)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _sentence(body: bytes) -> str:
    """Prometheus' own message, where the body is one of its errors; nothing of any other body."""
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    message = said.get("error") if isinstance(said, dict) else None
    return f", {words(message)}" if isinstance(message, str) and message else ""
