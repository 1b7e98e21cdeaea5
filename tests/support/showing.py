"""Progress of what a test run fetches or builds, which may take minutes: shown past pytest's capture."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

from rich.console import Console

from servicegraph.local.progress import Shown

if TYPE_CHECKING:
    import pytest


class _Uncaptured(io.StringIO):
    """Writes to the terminal of the run, past the capture."""

    def __init__(self, config: pytest.Config) -> None:
        super().__init__()
        self._capture = config.pluginmanager.getplugin("capturemanager")

    def write(self, text: str) -> int:
        with self._capture.global_and_fixture_disabled():
            sys.stderr.write(text)
            sys.stderr.flush()
        return len(text)


def shown(config: pytest.Config) -> Shown:
    """Progress that people at the terminal see."""
    return Shown(Console(file=_Uncaptured(config)))
