"""Where etcd and kube-apiserver come from, on a machine that has them, may fetch them, or must build them."""

from __future__ import annotations

import contextlib
import hashlib
import io
import secrets
import tarfile
import threading
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from servicegraph.errors import PartFailed
from servicegraph.local import build, ports, toolchain
from servicegraph.local.controlplane import archive, binaries, recipe
from servicegraph.local.download import Unusable
from servicegraph.local.lock import opened, take
from servicegraph.local.progress import Shown
from servicegraph.settings import LocalSettings
from support.served import served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TARGET = "linux-amd64"


@pytest.fixture
def progress() -> Shown:
    return Shown(Console(file=io.StringIO()))


@contextlib.contextmanager
def published(
    folder: Path, programs: tuple[str, ...] = binaries.PROGRAMS, checksum: str = ""
) -> Iterator[str]:
    """An archive as controller-tools publishes them; the URL of the index."""
    name = f"envtest-{archive.VERSION}-{TARGET}.tar.gz"
    with tarfile.open(folder / name, "w:gz") as packed:
        for program in programs:
            content = f"this is {program}".encode()
            entry = tarfile.TarInfo(f"controller-tools/envtest/{program}")
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    digest = checksum or hashlib.sha512((folder / name).read_bytes()).hexdigest()
    with served(folder) as url:
        index = {"releases": {archive.VERSION: {name: {"hash": digest, "selfLink": f"{url}/{name}"}}}}
        (folder / "index.yaml").write_text(yaml.safe_dump(index))
        yield f"{url}/index.yaml"


def put_programs(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in binaries.PROGRAMS:
        (folder / name).touch()


def test_the_folder_in_kubebuilder_assets_comes_first(tmp_path: Path, progress: Shown) -> None:
    put_programs(tmp_path / "assets")
    found = binaries.locate(
        LocalSettings(kubebuilder_assets=tmp_path / "assets", xdg_cache_home=tmp_path), progress
    )
    assert found == binaries.Binaries(tmp_path / "assets/etcd", tmp_path / "assets/kube-apiserver")


def test_a_folder_without_the_programs_is_refused_by_the_name_of_the_variable(
    tmp_path: Path, progress: Shown
) -> None:
    with pytest.raises(PartFailed, match=r"KUBEBUILDER_ASSETS=.* has no etcd and no kube-apiserver"):
        binaries.locate(LocalSettings(kubebuilder_assets=tmp_path), progress)


def test_the_cache_is_found_again(tmp_path: Path, progress: Shown) -> None:
    cached = tmp_path / f"servicegraph/control-plane/{recipe.KUBERNETES}-etcd-{recipe.ETCD}"
    put_programs(cached)
    found = binaries.locate(LocalSettings(xdg_cache_home=tmp_path, envtest_index_url="none"), progress)
    assert found.etcd.parent == cached


def test_the_official_archive_goes_into_the_cache(
    tmp_path: Path, progress: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    (tmp_path / "web").mkdir()
    with published(tmp_path / "web") as index:
        settings = LocalSettings(xdg_cache_home=tmp_path, envtest_index_url=index)
        found = binaries.locate(settings, progress)
    assert found.kube_apiserver.read_text() == "this is kube-apiserver"
    assert found.etcd.stat().st_mode & 0o111
    assert {path.name for path in found.etcd.parent.iterdir()} == set(binaries.PROGRAMS)
    assert binaries.locate(settings, progress) == found, "offline now, and found in the cache"


def test_an_archive_that_differs_from_its_checksum_is_never_unpacked(tmp_path: Path, progress: Shown) -> None:
    (tmp_path / "into").mkdir()
    with (
        published(tmp_path, checksum="0" * 128) as index,
        pytest.raises(Unusable, match=r"the SHA-512 of .* is .*, not 000000000000… as published"),
    ):
        archive.fetch(index, TARGET, binaries.PROGRAMS, tmp_path / "into", progress)
    assert list((tmp_path / "into").iterdir()) == []


def test_an_archive_that_lacks_a_program_is_not_used(tmp_path: Path, progress: Shown) -> None:
    (tmp_path / "into").mkdir()
    with (
        published(tmp_path, programs=("etcd",)) as index,
        pytest.raises(Unusable, match="lacks kube-apiserver"),
    ):
        archive.fetch(index, TARGET, binaries.PROGRAMS, tmp_path / "into", progress)


@pytest.mark.parametrize("content", ["", "no: releases", "[", "releases: {}", "releases:"])
def test_an_index_without_our_archive_is_not_used(tmp_path: Path, progress: Shown, content: str) -> None:
    (tmp_path / "index.yaml").write_text(content)
    with served(tmp_path) as url, pytest.raises(Unusable, match=r"index\.yaml"):
        archive.fetch(f"{url}/index.yaml", TARGET, binaries.PROGRAMS, tmp_path, progress)


def test_offline_we_move_on(tmp_path: Path, progress: Shown) -> None:
    with pytest.raises(Unusable, match="Connection refused"):
        archive.fetch(f"http://127.0.0.1:{ports.free()}/i", TARGET, binaries.PROGRAMS, tmp_path, progress)


def test_two_at_once_fetch_once(tmp_path: Path, progress: Shown) -> None:
    home = tmp_path / "servicegraph/control-plane"
    home.mkdir(parents=True)
    found: list[binaries.Binaries] = []
    settings = LocalSettings(xdg_cache_home=tmp_path, envtest_index_url="none")
    with opened(home / "lock") as lock:
        assert take(lock)
        other = threading.Thread(target=lambda: found.append(binaries.locate(settings, progress)))
        other.start()
        put_programs(home / f"envtest-{archive.VERSION}")
    other.join()
    assert found[0].etcd.parent == home / f"envtest-{archive.VERSION}"


def test_programs_are_built_from_go_modules(tmp_path: Path, progress: Shown) -> None:
    modules = tmp_path / "modules"
    (modules / "greet").mkdir(parents=True)
    (modules / "go.mod").write_text("module example.test/m\n\ngo 1.21\n")
    never_built = f'println("hello {secrets.token_hex(8)}")'  # Go says nothing about what its cache has
    (modules / "greet/main.go").write_text(f"package main\n\nfunc main() {{ {never_built} }}\n")
    greeting = build.Recipe("Building a greeting", modules, {"greet": "example.test/m/greet"}, packages=1)
    build.build(greeting, tmp_path, tmp_path / "log", tmp_path / "go", progress)
    assert (tmp_path / "greet").stat().st_mode & 0o111
    assert "example.test/m/greet" in (tmp_path / "log").read_text()


def test_a_build_that_fails_shows_what_go_said(tmp_path: Path, progress: Shown) -> None:
    (tmp_path / "go.mod").write_text("module example.test/m\n\ngo 1.21\n")
    (tmp_path / "main.go").write_text("package main\n\nfunc main() { undefined() }\n")
    nonsense = build.Recipe("Building nonsense", tmp_path, {"nonsense": "example.test/m"})
    with pytest.raises(PartFailed, match=r"nonsense could not be built\n(.|\n)*undefined: undefined"):
        build.build(nonsense, tmp_path, tmp_path / "log", tmp_path / "go", progress)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 7200))
def test_a_build_tells_how_many_packages_it_has_compiled(compiled: int, fetched: int, seconds: int) -> None:
    lines = [f"go: downloading m{n} v1" for n in range(fetched)] + [f"m{n}/p" for n in range(compiled)]
    words = build.standing("\n".join(lines), 2080, seconds).replace(",", "").split()
    assert words[0] == str(compiled or fetched)
    assert int(words[-4]) * 60 + int(words[-2]) == seconds


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26)),
        ("go version go1.27 linux/arm64", (1, 27)),
        ("gibberish", (0, 0)),
    ],
)
def test_the_version_of_go_is_read(said: str, expected: tuple[int, int]) -> None:
    assert toolchain.version(said) == expected
