"""Telemetry in the local environment: a generator of series, and a Prometheus that scrapes it.

It is switched on by an example that brings a topology file, when the environment starts or while it runs. The one who switches
it on has found a Prometheus first, so that whatever has to be fetched is fetched before anybody waits. What was switched on is
kept in the environment's folder, and the next start brings it back. `parts` starts what is described here; to discover what it
shows is the operator's business.
"""

from __future__ import annotations

import json
import secrets
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from servicegraph.errors import PartFailed
from servicegraph.local.place import write
from servicegraph.local.probe import answers
from servicegraph.local.process import Command
from servicegraph.local.prometheus.programs import Program
from servicegraph.local.prometheus.server import Prometheus
from servicegraph.local.supervisor import Part

if TYPE_CHECKING:
    from servicegraph.local.identity import Identity
    from servicegraph.local.place import Place

_SEEN = "traces_service_graph_request_total"


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What is switched on.

    Attributes:
        program: runs Prometheus.
        topology: path of the file whose calls are shown.
        token: tells one wish from the next.
    """

    program: Program
    topology: str
    token: str = field(default_factory=lambda: secrets.token_hex(8))

    @classmethod
    def kept(cls, place: Place) -> Telemetry | None:
        """What was switched on last in this place; None when nothing was."""
        try:
            said = json.loads(_file(place).read_text())
        except FileNotFoundError:
            return None
        return cls(Program(**said.pop("program")), **said)

    def keep(self, place: Place) -> None:
        """Have it switched on at the next start too."""
        write(_file(place), json.dumps(asdict(self), indent=2).encode())

    def forget(self, place: Place) -> None:
        """Have it switched on no more."""
        _file(place).unlink(missing_ok=True)

    def server(self, place: Place, identity: Identity) -> Prometheus:
        """Its Prometheus."""
        folder, log = place.folder / "prometheus", place.logs / "prometheus.log"
        return Prometheus(folder, log, identity.ports["prometheus"], self.program)

    def parts(self, place: Place, identity: Identity) -> tuple[Part, Part]:
        """The programs to start, in this order; the second is ready once it has scraped the first.

        Raises:
            PartFailed: a file that was there when it was switched on is there no more.
        """
        for path in (self.program.path, self.topology):
            if not Path(path).is_file():
                raise PartFailed(f"{path} is there no more")
        port = identity.ports["traffic"]
        words = ("local", "traffic", self.topology, "--port", str(port))
        traffic = Command(
            "traffic", (sys.executable, "-P", "-m", "servicegraph", *words), place.logs / "traffic.log"
        )
        server = self.server(place, identity)
        server.prepare()
        server.targets.add("traffic", port)
        return (
            Part(traffic, lambda: answers(f"http://127.0.0.1:{port}/metrics")),
            Part(server.command(), lambda: server.is_ready() and server.holds(_SEEN)),
        )


def topology(example: Path) -> Path | None:
    """The topology file that an example brings, when it shows telemetry."""
    return next(iter(sorted(example.glob("*.topology"))), None)


def _file(place: Place) -> Path:
    return place.folder / "telemetry.json"
