"""The folder of one local environment: who runs in it, and what people need to talk to it.

Two locks tell the truth, because the system drops them with the last process that holds them. `lock` is held
by the supervisor alone: held means running. `parts.lock` is handed on to every child: held means that
something still runs, perhaps for the few seconds that children live longer than a killed supervisor.
`state.json` says the rest, and counts only while `lock` is held.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from servicegraph.errors import PartFailed
from servicegraph.local.lock import POLL_SECONDS, is_taken, opened, pause, take

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT = Path(".servicegraph")


class AlreadyRunning(PartFailed):
    """An environment runs in this folder already."""

    reason = "AlreadyRunning"


@dataclass(frozen=True, slots=True)
class State:
    """What runs in a place.

    Attributes:
        supervisor: process id of the process that holds it all.
        ready: whether everything has started.
        kubeconfig: path of the administrator's kubeconfig.
        database_url: the database, password included.
        servicegraph_url: where HTTP is served (or would be, without the operator).
        operator: whether the operator runs here.
        prometheus_url: where Prometheus is; empty while telemetry is off.
        telemetry: the token of the newest wish to switch telemetry on that was dealt with.
        telemetry_problem: why that wish could not be fulfilled.
        api_key: key to the HTTP server that allows everything without limits.
    """

    supervisor: int
    ready: bool
    kubeconfig: str
    database_url: str = field(repr=False)
    servicegraph_url: str
    operator: bool
    prometheus_url: str = ""
    telemetry: str = ""
    telemetry_problem: str = ""
    api_key: str = field(default="", repr=False)

    def exports(self) -> str:
        """Shell lines that set the variables with which people and programs find it."""
        variables = {
            "KUBECONFIG": self.kubeconfig,
            "DATABASE_URL": self.database_url,
            "SERVICEGRAPH_URL": self.servicegraph_url,
            "SERVICEGRAPH_API_KEY": self.api_key,
        }
        return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of one environment."""

    folder: Path

    @property
    def logs(self) -> Path:
        """Folder of the logs of all parts."""
        return self.folder / "logs"

    @property
    def supervisor_log(self) -> Path:
        """What a detached supervisor says."""
        return self.logs / "supervisor.log"

    def make(self) -> None:
        """Make the folders that are missing; one that exists keeps its mode."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.logs.mkdir(exist_ok=True, mode=0o700)

    @contextlib.contextmanager
    def hold(self) -> Iterator[int]:
        """Hold the place for the time of the block; yields the descriptor of the lock that children are to inherit.

        Raises:
            AlreadyRunning: somebody holds it.
            PartFailed: children of an earlier supervisor do not end.
        """
        self.make()
        with opened(self.folder / "lock") as lock, opened(self.folder / "parts.lock") as parts:
            if not take(lock):
                raise AlreadyRunning(f"an environment runs in {self.folder} already")
            if not take(parts, seconds=20):
                raise PartFailed(
                    f"processes of an earlier run in {self.folder} do not end; `servicegraph local down` may help"
                )
            try:
                yield parts
            finally:
                (self.folder / "state.json").unlink(missing_ok=True)

    def is_held(self) -> bool:
        """Whether an environment runs, or starts, here."""
        return is_taken(self.folder / "lock")

    def await_free(self, seconds: float) -> bool:
        """Wait until nothing of it runs any more; False when `seconds` were not enough."""
        deadline = time.monotonic() + seconds
        while is_taken(self.folder / "lock") or is_taken(self.folder / "parts.lock"):
            if time.monotonic() > deadline:
                return False
            pause.wait(POLL_SECONDS)
        return True

    def await_state(self) -> State | None:
        """What runs here, once all of it has started; None when nothing does."""
        while self.is_held():
            state = self.state()
            if state is not None and state.ready:
                return state
            pause.wait(POLL_SECONDS)
        return None

    def state(self) -> State | None:
        """What the supervisor says of itself, ready or not; None when nothing runs."""
        if not self.is_held():
            return None
        try:
            return State(**json.loads((self.folder / "state.json").read_text()))
        except FileNotFoundError:
            return None

    def write_state(self, state: State) -> None:
        """Say what runs here; only for who holds it."""
        write(self.folder / "state.json", json.dumps(asdict(state), indent=2).encode())


def write(path: Path, content: bytes) -> None:
    """Replace `path` by `content` in one step, readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f"{path.name}.new")
    fresh.touch(mode=0o600)
    fresh.write_bytes(content)
    fresh.rename(path)
