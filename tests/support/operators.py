"""A running operator: `servicegraph run` as a child process, under its own identity in the cluster."""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from servicegraph.local import ports
from servicegraph.local.process import Command, Process
from support.keyed import HEADERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


@dataclass(slots=True)
class Operator:
    """One operator and the settings that it starts with; may be started, stopped and killed many times."""

    folder: Path
    database_url: str
    kubeconfig: Path
    namespaces: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)
    program: tuple[str, ...] = (sys.executable, "-m", "servicegraph")
    instance: str = field(default_factory=lambda: f"test-{secrets.token_hex(4)}")
    """What tells its alerts from those of others in the same cluster."""
    role: str = "all"
    port: int = field(default_factory=ports.free)
    process: Process | None = None

    @property
    def url(self) -> str:
        """Where its HTTP server is."""
        return f"http://127.0.0.1:{self.port}"

    def start(self, *, ready: bool = True) -> Operator:
        """Start it, and wait until `/readyz` says yes (or, if not `ready`, until it answers at all)."""
        environment = {
            **os.environ,  # noqa: TID251 - a child process gets what we have
            "DATABASE_URL": self.database_url,
            "KUBECONFIG": str(self.kubeconfig),
            "WATCH_NAMESPACES": self.namespaces,
            "INSTANCE_NAME": self.instance,
            "API_PORT": str(self.port),
            "LOG_FORMAT": "json",
            **self.extra,
        }
        command = Command(
            "the operator",
            (*self.program, "run", "--role", self.role),
            self.folder / "operator.log",
            environment=environment,
            folder=self.folder,
            grace=15,
        )
        self.process = Process(command)
        self.process.await_ready(
            lambda: self.answers("/readyz", {200} if ready else {200, 503}), _PATIENCE_SECONDS
        )
        return self

    def stop(self) -> int:
        """Ask it to end (SIGTERM) and wait; its exit code."""
        assert self.process is not None
        code = self.process.stop()
        self.process = None
        return code

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        os.kill(self.process.pid, 9)
        self.process.wait()
        self.process = None

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """GET a path, with the key that every test database knows."""
        return self._asked(urllib.request.Request(self.url + path, headers={**HEADERS, **(headers or {})}))

    def send(self, method: str, path: str, body: Any) -> Answer:
        """Send a body in JSON, with the same key."""
        headers = {**HEADERS, "Content-Type": "application/json"}
        data = json.dumps(body).encode()
        return self._asked(urllib.request.Request(self.url + path, data, headers, method=method), 60)

    @staticmethod
    def _asked(request: urllib.request.Request, seconds: float = 10) -> Answer:
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())

    def answers(self, path: str, statuses: set[int]) -> bool:
        """Whether it answers `path` with one of these statuses."""
        try:
            return self.get(path).status in statuses
        except OSError:
            return False

    def degraded(self) -> dict[str, str]:
        """What `/readyz` says does not work."""
        found: dict[str, str] = self.get("/readyz").json()["degraded"]
        return found

    def version(self) -> int:
        """The graph version that it serves."""
        version: int = self.get("/api/v1/edges?limit=1").json()["graph_version"]
        return version

    def edges(self, namespace: str = "") -> set[tuple[str, str]]:
        """All edges that it serves, of one namespace or of all."""
        found: set[tuple[str, str]] = set()
        cursor = ""
        while True:
            query = f"?limit=1000&namespace={namespace}" if namespace else "?limit=1000"
            answer = self.get(f"/api/v1/edges{query}{cursor and f'&cursor={cursor}'}")
            assert answer.status == 200, answer.body
            page = answer.json()
            found |= {(edge["source"], edge["target"]) for edge in page["items"]}
            if page["next_cursor"] is None:
                return found
            cursor = page["next_cursor"]

    def metric(self, name: str, **labels: str) -> float:
        """The value of a metric summed over the series that carry these labels; 0 when there is none."""
        total = 0.0
        for line in self.get("/metrics").body.decode().splitlines():
            series, _, value = line.rpartition(" ")
            base, _, inside = series.partition("{")
            if base == name and all(f'{key}="{wanted}"' in inside for key, wanted in labels.items()):
                total += float(value)
        return total

    def log(self) -> str:
        """All that it has logged so far."""
        return (self.folder / "operator.log").read_text()


def eventually(condition: Callable[[], bool], what: str, seconds: float = _PATIENCE_SECONDS) -> None:
    """Wait until `condition()` holds; `what` says what was awaited when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.05)
