"""The generated pages are what the generator writes now."""

from __future__ import annotations

import subprocess
import sys

from servicegraph import settings
from support.documents import ROOT


def test_the_generated_pages_are_up_to_date() -> None:
    command = [sys.executable, "scripts/reference.py", "--check"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_no_help_text_shows_its_own_markup() -> None:
    assert "\\b" not in (ROOT / "docs/reference/cli.md").read_text()


def test_the_example_environment_sets_every_setting_to_its_default() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    pairs = [
        line.removeprefix("#").split("=", 1)
        for line in lines
        if line.startswith("#") and not line.startswith("# ")
    ]
    given = dict(pairs)
    of_local = {
        name: given.pop(name) for name in list(given) if name.lower() in settings.LocalSettings.model_fields
    }
    assert {name.lower() for name in given} == set(settings.Settings.model_fields)
    assert {name.lower() for name in of_local} == set(settings.LocalSettings.model_fields)
    assert settings.load(given) == settings.Settings()
    assert settings.load_local(of_local) == settings.LocalSettings()
