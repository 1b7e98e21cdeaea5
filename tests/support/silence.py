"""Servers in the operator's place that answer the API server badly, or not at all."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from typing import TYPE_CHECKING, NamedTuple

from servicegraph.certificates import server_certificate
from servicegraph_api.tls import Shown

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    Answer = Callable[[dict[str, object]], bytes]


class Bad(NamedTuple):
    """A bad server."""

    port: int
    authorities: bytes
    asked: list[int]
    """One entry for each question."""


@contextlib.contextmanager
def answering(answer: Answer | None) -> Iterator[Bad]:
    """Answer each question with these bytes, or, if None, never; for the time of the block."""
    over = threading.Event()
    asked: list[int] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(1)
            if answer is None:
                over.wait()
                self.close_connection = True
                return
            body = answer(review)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

        def handle_error(self, *_: object) -> None:
            """Clients that went away are what is to be expected."""

    authority, certificate, key = server_certificate()
    shown = Shown()
    shown.show(certificate, key)
    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = _wrapped(shown.context, server)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield Bad(server.server_port, authority, asked)
        finally:
            over.set()
            server.shutdown()
            thread.join()


def _wrapped(context: ssl.SSLContext, server: http.server.HTTPServer) -> ssl.SSLSocket:
    """The server's socket, shaking hands in the thread of each connection only."""
    return context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
