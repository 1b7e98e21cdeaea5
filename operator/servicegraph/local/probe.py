"""Asking a local part over HTTP or TLS whether it serves."""

from __future__ import annotations

import http.client
import socket
import ssl
import urllib.error
import urllib.request

_SECONDS = 5


def answers(url: str, token: str = "", trust: ssl.SSLContext | None = None) -> bool:
    """Whether a GET of `url` is answered with 200; proxies are not asked."""
    return _asked(url, token, trust) is not None


def got(url: str) -> bytes:
    """What a GET of `url` brings; nothing unless it is answered with 200."""
    return _asked(url) or b""


def speaks_tls(port: int) -> bool:
    """Whether who listens at a port of 127.0.0.1 has a certificate to show, whichever it is."""
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection(("127.0.0.1", port), _SECONDS) as plain, anybody.wrap_socket(plain):
            return True
    except OSError:
        return False


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
