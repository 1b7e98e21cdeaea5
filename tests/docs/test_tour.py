"""The tour of `make demo` shows what it promises, and leaves nothing running when it is told to stop."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from servicegraph import settings
from support.documents import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servicegraph.local.prometheus.programs import Program

ALERT = "cycle-5bfd2fd2901c"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, prometheus_program: Program) -> Iterator[Path]:
    """A folder that looks like the root of the repository after set-up, on a machine that has a Prometheus."""
    folder = tmp_path_factory.mktemp("tour")
    (folder / ".venv").symlink_to(Path(sys.executable).parents[1])
    for name in ("examples", "scripts"):
        (folder / name).symlink_to(ROOT / name)
    yield folder
    command(folder, "servicegraph", "local", "down")  # where the tour has failed half-way


@pytest.fixture(scope="module")
def told(folder: Path) -> str:
    """What the tour prints."""
    ran = command(folder, f"{folder}/scripts/demo.sh")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run it as a shell in the folder would."""
    ours = settings.for_child(EXIT="1")
    known = ours | {"PATH": f"{folder}/.venv/bin:{ours['PATH']}"}
    return subprocess.run(words, cwd=folder, env=known, capture_output=True, text=True, check=False)


def after(told: str, typed: str) -> str:
    """What is printed between the line that shows `typed` being typed and the next such line."""
    return told.split(f"$ {typed}", 1)[1].partition("\n$ ")[0]


def test_the_tour_shows_the_circle_its_event_and_its_condition(told: str) -> None:
    way = " → ".join(
        f"online-boutique/{name}" for name in ("checkoutservice", "paymentservice", "checkoutservice")
    )
    assert f"{ALERT}   Open    Warning    2          {way}" in after(told, "kubectl get cyclealerts")
    described = after(told, f"kubectl describe cyclealert/{ALERT}")
    assert "CycleOpened" in described.partition("Events:")[2]
    assert f"{ALERT} (Warning): {way}" in after(told, "kubectl get sdep checkoutservice")
    assert f"{way}   online-boutique/paymentservice → online-boutique/checkoutservice" in after(
        told, "servicegraph cycles"
    )


def test_the_tour_shows_the_warning_of_who_closes_the_circle(told: str) -> None:
    way = "paymentservice → checkoutservice → paymentservice"
    warning = f"Warning: SG101 closes a circle of 2 (Warning) in online-boutique: {way}\n"
    assert warning in after(told, "kubectl apply -f scripts/circle.yaml")


def test_the_tour_ends_without_a_circle(told: str) -> None:
    last = told.rsplit("$ kubectl get cyclealerts", 1)[1].partition("\n$ ")[0]
    assert f"{ALERT}   Resolved" in last


def test_the_tour_holds_what_is_declared_against_telemetry(told: str) -> None:
    assert re.search(r"otel +OTelCollector +True +True +17 ", after(told, "kubectl get dsrc"))
    rows = [re.split(r"\s{2,}", line) for line in after(told, "servicegraph drift").splitlines()]
    assert [row[:3] for row in rows if row[0] in {"never seen", "not declared", "swapped?"}] == [
        [
            "never seen",
            "online-boutique/shoppingassistantservice",
            "-/generativelanguage.googleapis.com:external",
        ],
        ["never seen", "online-boutique/shoppingassistantservice", "online-boutique/alloydb:datastore"],
        ["not declared", "online-boutique/emailservice", "online-boutique/productcatalogservice"],
    ]
    assert "otel shows calls of emailservice to productcatalogservice" in after(told, "servicegraph explain")
    observed = told.partition("$ servicegraph drift")[2]
    names = ("checkoutservice", "emailservice", "shoppingassistantservice")
    said = [after(observed, f"kubectl get sdep {name}") for name in names]
    assert "all 6 dependencies are observed" in said[0]
    assert "declared by nobody: online-boutique/productcatalogservice" in said[1]
    assert "none of 2 dependencies is observed" in said[2]


def test_the_tour_leaves_nothing_running_when_it_is_told_to_stop(told: str, folder: Path) -> None:
    assert told
    assert command(folder, "servicegraph", "local", "env").returncode != 0
