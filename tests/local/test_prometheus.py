"""Where Prometheus comes from, and that it scrapes what it is told to."""

from __future__ import annotations

import contextlib
import hashlib
import io
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from servicegraph.errors import PartFailed
from servicegraph.local import ports
from servicegraph.local.download import Unusable
from servicegraph.local.progress import Shown
from servicegraph.local.prometheus import archive, container, programs
from servicegraph.local.prometheus.programs import Program
from servicegraph.local.traffic.calls import Call
from servicegraph.settings import LocalSettings
from support.processes import await_that
from support.scraping import scraped
from support.served import served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.prometheuses import PrometheusServer

PACKED = f"prometheus-{archive.VERSION}.linux-amd64.tar.gz"


@pytest.fixture
def progress() -> Shown:
    return Shown(Console(file=io.StringIO()))


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine with neither Prometheus nor a container engine on its PATH."""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr("platform.machine", lambda: "x86_64")


@contextlib.contextmanager
def published(folder: Path, checksum: str = "", program: str = "prometheus") -> Iterator[str]:
    """A release as the project publishes it; the URL of all releases."""
    release = folder / f"v{archive.VERSION}"
    release.mkdir(parents=True)
    with tarfile.open(release / PACKED, "w:gz") as packed:
        content = b"this is prometheus"
        entry = tarfile.TarInfo(f"prometheus-{archive.VERSION}.linux-amd64/{program}")
        entry.size = len(content)
        packed.addfile(entry, io.BytesIO(content))
    digest = checksum or hashlib.sha256((release / PACKED).read_bytes()).hexdigest()
    (release / "sha256sums.txt").write_text(f"{'1' * 64}  prometheus-other.tar.gz\n{digest}  {PACKED}\n")
    with served(folder) as url:
        yield url


def test_the_program_that_the_environment_names_comes_first(tmp_path: Path, progress: Shown) -> None:
    (tmp_path / "mine").touch()
    found = programs.locate(LocalSettings(servicegraph_prometheus=tmp_path / "mine"), progress)
    assert found == Program(str(tmp_path / "mine"))


def test_a_program_that_is_not_there_is_refused_by_the_name_of_the_variable(
    tmp_path: Path, progress: Shown
) -> None:
    with pytest.raises(PartFailed, match=r"SERVICEGRAPH_PROMETHEUS=.*none is no file"):
        programs.locate(LocalSettings(servicegraph_prometheus=tmp_path / "none"), progress)


@pytest.mark.usefixtures("bare")
def test_the_one_on_the_path_is_taken_before_anything_is_fetched(tmp_path: Path, progress: Shown) -> None:
    (tmp_path / "empty").mkdir()
    installed = tmp_path / "empty/prometheus"
    installed.write_text("#!/bin/sh\n")
    installed.chmod(0o755)
    nowhere = LocalSettings(
        xdg_cache_home=tmp_path, prometheus_releases_url=f"http://127.0.0.1:{ports.free()}"
    )
    assert programs.locate(nowhere, progress) == Program(str(installed))


@pytest.mark.usefixtures("bare")
def test_the_official_archive_goes_into_the_cache(tmp_path: Path, progress: Shown) -> None:
    with published(tmp_path / "web") as url:
        settings = LocalSettings(xdg_cache_home=tmp_path, prometheus_releases_url=url)
        found = programs.locate(settings, progress)
    assert Path(found.path).read_text() == "this is prometheus"
    assert Path(found.path).stat().st_mode & 0o111
    assert [path.name for path in Path(found.path).parent.iterdir()] == ["prometheus"]
    assert programs.locate(settings, progress) == found, "offline now, and found in the cache"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"checksum": "0" * 64}, r"the SHA-256 of .* is .*, not 000000000000… as published"),
        ({"program": "promtool"}, "lacks prometheus"),
    ],
)
def test_an_archive_that_is_not_what_it_should_be_is_never_used(
    tmp_path: Path, progress: Shown, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], why: str
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    (tmp_path / "into").mkdir()
    with published(tmp_path / "web", **changes) as url, pytest.raises(Unusable, match=why):
        archive.fetch(url, tmp_path / "into", progress)
    assert list((tmp_path / "into").iterdir()) == []


def test_a_release_without_an_archive_for_this_machine_is_not_used(
    tmp_path: Path, progress: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "s390x")
    with (
        published(tmp_path) as url,
        pytest.raises(Unusable, match=r"does not list prometheus-.*linux-s390x"),
    ):
        archive.fetch(url, tmp_path, progress)


@pytest.mark.usefixtures("bare")
def test_where_it_cannot_be_had_people_are_told_how_to_get_it_and_nothing_is_built(tmp_path: Path) -> None:
    told = io.StringIO()
    offline = LocalSettings(
        xdg_cache_home=tmp_path, prometheus_releases_url=f"http://127.0.0.1:{ports.free()}"
    )
    with pytest.raises(PartFailed, match=r"apt-get install prometheus.*SERVICEGRAPH_PROMETHEUS="):
        programs.locate(offline, Shown(Console(file=told)))
    assert "The official archive is not used" in told.getvalue()
    assert "Building" not in told.getvalue()


def test_in_a_container_the_same_command_line_runs_with_its_folder_mounted(tmp_path: Path) -> None:
    words = Program("/bin/engine", contained=True).launcher(tmp_path, "its-name")
    assert f"--volume={tmp_path}:{tmp_path}" in words
    assert "--network=host" in words
    assert words[-1] == container.IMAGE, "Prometheus' own options come next"


def test_a_container_that_an_earlier_run_left_is_removed_before_the_next(tmp_path: Path) -> None:
    # An engine that writes down what it is told is enough: which words reach it is ours, the rest is the engine's.
    engine, said = tmp_path / "engine", tmp_path / "said"
    engine.write_text(f'#!/bin/sh\necho "$@" >> {said}\n')
    engine.chmod(0o755)
    server = programs.Program(str(engine), contained=True)
    words = server.launcher(tmp_path, "its-name")
    subprocess.run((*words, "--option"), check=True)
    removed, ran = said.read_text().splitlines()
    assert removed == "rm --force its-name"
    assert ran.startswith("run --rm --name its-name ")
    assert ran.endswith(f" {container.IMAGE} --option")


def test_it_scrapes_targets_that_come_and_go_while_it_runs(prometheus: PrometheusServer) -> None:
    coming = Call("coming", "going", (("client", "coming"), ("server", "going")))
    seen = 'count(traces_service_graph_request_total{client="coming"})'
    with scraped(prometheus) as (counters,):
        counters.add(coming)
        await_that(lambda: bool(prometheus.query(seen)), "the target is scraped")
    await_that(lambda: not prometheus.query(seen), "the target is gone")
