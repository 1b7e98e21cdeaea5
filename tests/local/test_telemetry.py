"""Telemetry in a local environment: switched on while it runs, brought back at the next start, never in the way."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from servicegraph import bundle
from servicegraph.local.kubectl import Kubectl
from servicegraph.local.place import Place
from servicegraph.local.traffic import topology
from support.processes import await_that, children_of, servicegraph

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from servicegraph.local.prometheus.programs import Program

UP = ("local", "up", "--detach", "--no-operator")
EXAMPLE = ("--example", "04-discovery")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, prometheus_program: Program) -> Iterator[Place]:
    """An environment without an operator, and without telemetry, on a machine that has a Prometheus."""
    place = Place(tmp_path_factory.mktemp("environment"))
    done = up(place)
    assert done.returncode == 0, done.stderr
    yield place
    servicegraph("local", "down", "--dir", str(place.folder))


def up(place: Place, *more: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return servicegraph(*UP, "--dir", str(place.folder), *more, **variables)


def processes_of(place: Place, *words: bytes) -> set[int]:
    """The processes of the environment that were started with one of these words in their command lines."""
    state = place.state()
    assert state is not None
    said = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children_of(state.supervisor)}
    return {pid for pid, line in said.items() if any(word in line for word in words)}


def calls(place: Place) -> set[tuple[str, str]]:
    """The calls that its Prometheus tells of; none where there is no Prometheus."""
    state = place.state()
    if state is None or not state.prometheus_url:
        return set()
    query = urllib.parse.urlencode({"query": "traces_service_graph_request_total"})
    with urllib.request.urlopen(f"{state.prometheus_url}/api/v1/query?{query}") as answer:
        found = json.load(answer)["data"]["result"]
    return {(one["metric"]["client"], one["metric"]["server"]) for one in found}


def shown() -> set[tuple[str, str]]:
    """The calls that the example's topology tells of."""
    (file,) = (bundle.folder("examples") / "04-discovery").glob("*.topology")
    return {(link.source.name, link.target.name) for link in topology.read(file).links}


def test_where_prometheus_is_missing_up_says_how_to_get_it_and_the_environment_stays(
    place: Place, tmp_path: Path
) -> None:
    done = up(place, *EXAMPLE, SERVICEGRAPH_PROMETHEUS=str(tmp_path / "none"))
    assert done.returncode == 1
    assert f"SERVICEGRAPH_PROMETHEUS={tmp_path / 'none'} is no file" in done.stderr
    assert place.is_held()
    assert not processes_of(place, b"prometheus", b"\0traffic\0")


def test_a_prometheus_that_does_not_start_is_named_with_its_last_words_and_nothing_of_it_stays(
    place: Place, tmp_path: Path
) -> None:
    broken = tmp_path / "broken-prometheus"
    broken.write_text("#!/bin/sh\necho the disk is full >&2\nexit 3\n")
    broken.chmod(0o755)
    done = up(place, *EXAMPLE, SERVICEGRAPH_PROMETHEUS=str(broken))
    assert done.returncode == 1
    assert "ended with exit code 3" in done.stderr
    assert "the disk is full" in done.stderr
    assert not processes_of(place, b"prometheus", b"\0traffic\0")
    assert not (place.folder / "telemetry.json").exists(), "the next start does not try it again"


def test_an_example_with_telemetry_switches_it_on_while_the_environment_runs_and_the_next_start_too(
    place: Place,
) -> None:
    done = up(place, *EXAMPLE)
    assert done.returncode == 0, done.stderr
    state = place.state()
    assert state is not None
    assert f"Prometheus, for a look at what it is told: {state.prometheus_url}" in done.stdout
    await_that(lambda: calls(place) == shown(), "every call of the topology is scraped")
    source = json.loads(Kubectl(Path(state.kubeconfig))("get", "dsrc", "otel", "-o", "json"))
    assert source["spec"]["prometheus"]["url"] == state.prometheus_url, (
        "the source asks where the answers are"
    )

    before = processes_of(place, b"prometheus")
    assert before
    assert up(place, *EXAMPLE).returncode == 0
    assert processes_of(place, b"prometheus") == before, "a second time starts nothing"

    assert servicegraph("local", "down", "--dir", str(place.folder)).returncode == 0
    assert up(place).returncode == 0
    await_that(lambda: calls(place) == shown(), "telemetry is back without having been asked for")
    again = place.state()
    assert again is not None
    assert again.prometheus_url == state.prometheus_url, "the source still asks there"
