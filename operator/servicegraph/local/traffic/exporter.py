"""Serves counters at `/metrics`, as the Prometheus exporter of a collector does; and plays traffic for the demo."""

from __future__ import annotations

import contextlib
import http.server
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from servicegraph.local.traffic.calls import Call
    from servicegraph.local.traffic.counters import Counters

_ROUND_SECONDS = 1.0


@contextlib.contextmanager
def serve(counters: Counters, port: int = 0) -> Iterator[int]:
    """Serve the counters at `/metrics` of 127.0.0.1 for the time of the block; yields the port (0 takes a free one)."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """The page."""
            found = self.path.partition("?")[0] == "/metrics"
            body = counters.page().encode() if found else b"see /metrics\n"
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Page) as server:
        thread = threading.Thread(target=server.serve_forever, name="traffic", daemon=True)
        thread.start()
        try:
            yield int(server.server_port)
        finally:
            server.shutdown()
            thread.join()


def play(calls: Sequence[Call], counters: Counters, stop: threading.Event) -> None:
    """Let every call happen once a second, until `stop` is set."""
    while True:
        for call in calls:
            counters.add(call)
        if stop.wait(_ROUND_SECONDS):
            return
