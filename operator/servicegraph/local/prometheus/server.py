"""A Prometheus server as a child process, scraping what it is told to on this machine.

Its targets lie in a folder of files that it watches, one a job, so that a target can come and go while it runs. Who runs it:
the local environment (`local.telemetry`), and the tests.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from servicegraph.local.place import write
from servicegraph.local.probe import answers, got
from servicegraph.local.process import Command

if TYPE_CHECKING:
    from pathlib import Path

    from servicegraph.local.prometheus.programs import Program


@dataclass(frozen=True, slots=True)
class Prometheus:
    """One Prometheus server.

    Attributes:
        folder: where its configuration, targets and data lie.
        log: file of its output.
        port: TCP port on 127.0.0.1.
        program: what runs it.
        scrape_seconds: time between two scrapes of a target, a whole number.
    """

    folder: Path
    log: Path
    port: int
    program: Program
    scrape_seconds: int = 2

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def targets(self) -> Targets:
        """What it scrapes."""
        return Targets(self.folder / "targets")

    def prepare(self) -> None:
        """Write its configuration; targets and data that exist stay."""
        self.targets.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        pace = f"{self.scrape_seconds}s"
        config = {
            "global": {"scrape_interval": pace, "scrape_timeout": pace},
            "scrape_configs": [
                {
                    "job_name": "servicegraph",
                    "file_sd_configs": [
                        {"files": [str(self.targets.folder / "*.json")], "refresh_interval": "5s"}
                    ],
                }
            ],
        }
        write(self._config, json.dumps(config, indent=2).encode())  # JSON is YAML too

    def command(self) -> Command:
        """How to run it."""
        name = f"servicegraph-prometheus-{self.port}"
        options = (
            f"--config.file={self._config}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=warn",
        )
        return Command(
            name="prometheus",
            argv=(*self.program.launcher(self.folder, name), *options),
            log=self.log,
            folder=self.folder,
        )

    def is_ready(self) -> bool:
        """Whether it serves."""
        return answers(f"{self.url}/-/ready")

    def holds(self, metric: str) -> bool:
        """Whether it has series of this name now."""
        asked = f"{self.url}/api/v1/query?query=count({metric})"
        return b'"metric":{}' in got(asked)

    @property
    def _config(self) -> Path:
        return self.folder / "prometheus.yml"


@dataclass(frozen=True, slots=True)
class Targets:
    """The folder of files in which a Prometheus finds what to scrape (its discovery of targets in files)."""

    folder: Path

    def add(self, name: str, *ports: int) -> None:
        """Have `/metrics` at these ports of 127.0.0.1 scraped, in place of what `name` meant before."""
        found = [{"targets": [f"127.0.0.1:{port}" for port in ports]}]
        write(self.folder / f"{name}.json", json.dumps(found).encode())

    def remove(self, name: str) -> None:
        """Have what `name` means scraped no more."""
        (self.folder / f"{name}.json").unlink(missing_ok=True)
