"""What `run` says when it cannot begin."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from servicegraph.local import ports
from support.processes import servicegraph

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import CompletedProcess


def begin(folder: Path, port: int) -> CompletedProcess[str]:
    """Run it where there is neither a kubeconfig nor a Postgres."""
    return servicegraph(
        "run",
        KUBECONFIG=str(folder / "kubeconfig"),
        DATABASE_URL=f"postgresql://nobody@127.0.0.1:{ports.free()}/nothing",
        API_HOST="127.0.0.1",
        API_PORT=str(port),
        LOG_LEVEL="ERROR",
    )


def test_without_a_usable_kubeconfig_it_says_so_in_one_line(tmp_path: Path) -> None:
    ended = begin(tmp_path, ports.free())
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"Error: KUBECONFIG='{tmp_path}/kubeconfig': no way to a Kubernetes API server")
    assert (ended.returncode, ended.stdout) == (1, "")


def test_a_port_that_is_taken_is_named_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = begin(tmp_path, port)
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"Error: API_HOST='127.0.0.1', API_PORT={port}: cannot listen there")
    assert "already in use" in line
    assert (ended.returncode, ended.stdout) == (1, "")
