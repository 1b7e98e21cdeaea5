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


def test_the_example_environment_sets_every_setting_to_its_default() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    pairs = [
        line.removeprefix("#").split("=", 1)
        for line in lines
        if line.startswith("#") and not line.startswith("# ")
    ]
    assert {name.lower() for name, _ in pairs} == set(settings.Settings.model_fields)
    assert settings.load(dict(pairs)) == settings.Settings()
