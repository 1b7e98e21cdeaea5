"""The certificate that a server shows, which may be replaced while it serves: who connects from then on sees the new one."""

from __future__ import annotations

import os
import ssl
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from servicegraph.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator


class Shown:
    """What a TLS server shows of itself; until there is something, every handshake fails."""

    def __init__(self) -> None:
        self.context = _context()

    def show(self, certificate: bytes, key: bytes) -> None:
        """Show this certificate from now on, both as PEM.

        Raises:
            BadInput: they cannot be used, or do not belong together; what was shown before stays.
        """
        with _file(certificate + b"\n" + key) as path:
            try:
                _context().load_cert_chain(path)  # what fails half-way must not spoil what is in use
                self.context.load_cert_chain(path)
            except (ssl.SSLError, ValueError) as error:
                raise BadInput(f"the certificate and the key cannot be used together: {error}") from error


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@contextmanager
def _file(content: bytes) -> Iterator[str]:
    """A file for OpenSSL, which reads no other; in memory where the system can, so that no key comes to lie on a disk."""
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("tls"), "wb") as file:
            file.write(content)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
        return
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        yield file.name
