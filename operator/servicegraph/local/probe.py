"""Asking a local part over HTTP whether it serves."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl

_SECONDS = 5


def answers(url: str, token: str = "", trust: ssl.SSLContext | None = None) -> bool:
    """Whether a GET of `url` is answered with 200; proxies are not asked."""
    return _asked(url, token, trust) is not None


def got(url: str) -> bytes:
    """What a GET of `url` brings; nothing unless it is answered with 200."""
    return _asked(url) or b""


def _asked(url: str, token: str = "", trust: ssl.SSLContext | None = None) -> bytes | None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - our own parts on loopback
    https = urllib.request.HTTPSHandler(context=trust)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), https)
    try:
        with opener.open(request, timeout=_SECONDS) as answer:
            return bytes(answer.read()) if answer.status == 200 else None
    except (OSError, urllib.error.URLError, http.client.HTTPException):
        return None
