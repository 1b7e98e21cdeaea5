"""Free TCP ports on loopback for the local parts.

A port is picked outside the range from which Linux hands out ports of outgoing connections (32768 and up), so
that no connection takes it between the moment we look and the moment the part binds it.
"""

from __future__ import annotations

import secrets
import socket

from servicegraph.errors import PartFailed

_FIRST, _LAST = 20_000, 31_999
_ATTEMPTS = 200


def free() -> int:
    """A port of 127.0.0.1 that nobody listens on.

    Raises:
        PartFailed: none could be found.
    """
    return free_set(1)[0]


def free_set(count: int) -> tuple[int, ...]:
    """That many different ports of 127.0.0.1 that nobody listens on.

    Raises:
        PartFailed: they could not be found.
    """
    found: set[int] = set()
    for _ in range(_ATTEMPTS + count):
        port = _FIRST + secrets.randbelow(_LAST - _FIRST + 1)
        if is_free(port):
            found.add(port)
        if len(found) == count:
            return tuple(found)
    raise PartFailed(f"no free port between {_FIRST} and {_LAST} on 127.0.0.1; stop what listens there")


def is_free(port: int) -> bool:
    """Whether `port` of 127.0.0.1 can be bound now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
