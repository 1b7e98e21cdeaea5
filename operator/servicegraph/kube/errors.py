"""What the Kubernetes client raises, said in our own errors, once, at the edge.

The text is the server's own sentence, cut; headers and tokens never get into it.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import aiohttp
from kubernetes_asyncio.client.exceptions import ApiException

from servicegraph.errors import (
    KubernetesConflict,
    KubernetesGone,
    KubernetesRefused,
    KubernetesUnavailable,
    ServicegraphError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST = 500
_GONE = {404, 410}
_CREDENTIALS_OUTDATED = 401
_TOO_MANY = 429
_UNREADABLE = "failed to create typed live object"


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn whatever the client raises inside into one of our errors; `doing` begins its message.

    Raises:
        KubernetesConflict: the object has changed since it was read.
        KubernetesGone: the object, or the continue token, exists no more.
        KubernetesUnavailable: no answer, too many requests, credentials out of date, or the server's own fault.
        KubernetesRefused: any other refusal; `is_unreadable` tells one of them apart.
    """
    try:
        yield
    except ApiException as error:
        raise _refusal(doing, error) from error
    except (aiohttp.ClientError, TimeoutError, OSError, UnicodeDecodeError) as error:
        text = f"{doing}: {type(error).__name__} {error}".strip()[:_LONGEST]
        raise KubernetesUnavailable(text) from error


def is_unreadable(error: KubernetesRefused) -> bool:
    """Whether server-side apply was refused for the object itself: what it holds does not fit its schema any more."""
    return _UNREADABLE in error.message


def _refusal(doing: str, error: ApiException) -> ServicegraphError:
    """Our error for an answer that is none of the 2xx."""
    status = int(error.status or 0)
    text = f"{doing}: {status} {_sentence(error)}"[:_LONGEST]
    if status == 409:
        return KubernetesConflict(text)
    if status in _GONE:
        return KubernetesGone(text)
    if _UNREADABLE in text:
        return KubernetesRefused(
            text
        )  # said with status 500, and never otherwise until somebody changes the object
    if status in {_CREDENTIALS_OUTDATED, _TOO_MANY} or status < 400 or status >= 500:
        return KubernetesUnavailable(text, _retry_after(error))
    return KubernetesRefused(text)


def _sentence(error: ApiException) -> str:
    """What the server says for people: the message of its Status, else the reason phrase."""
    try:
        body = json.loads(error.body or "")
    except ValueError:
        return str(error.reason or "no reason given")
    said = body.get("message") if isinstance(body, dict) else None
    return str(said or error.reason or "no reason given")


def _retry_after(error: ApiException) -> float | None:
    """Seconds that the server asks to wait; None where it names none."""
    said = error.headers.get("Retry-After", "") if error.headers else ""
    return float(said) if said.isascii() and said.isdigit() else None
