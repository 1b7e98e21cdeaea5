"""The allocator is told once, and takes it."""

from __future__ import annotations

import platform
import subprocess
import sys


def test_glibc_is_told_to_give_memory_back() -> None:
    # In a process of its own: what it changes holds for the whole process.
    program = "from servicegraph.cli.allocator import give_memory_back; print(give_memory_back())"
    told = subprocess.run((sys.executable, "-c", program), capture_output=True, text=True, check=True)
    assert told.stdout.strip() == str(platform.libc_ver()[0] == "glibc")
