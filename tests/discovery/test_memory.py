"""However much a backend answers, a poll holds only so much of it: measured on a process of its own that does nothing else."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from servicegraph import settings
from support.backends import answering

if TYPE_CHECKING:
    from collections.abc import Iterator

_MIB = 2**20
BEGINNING = b'{"status":"success","data":{"resultType":"vector","result":['
POLL = """
import asyncio, json, pathlib, re, sys
from support.backends import look
def most() -> int:
    # Not the rusage of the process: that goes on from what started it.
    return int(re.search(r"VmHWM:\\s+([0-9]+) kB", pathlib.Path("/proc/self/status").read_text())[1]) * 1024
async def main() -> None:
    await look("http://127.0.0.1:1", timeout=1.0)
    before = most()
    made = await look(sys.argv[1], volume="", timeout=300.0)
    print(json.dumps([made.failure and made.failure.reason, made.series, len(made.calls), most() - before]))
asyncio.run(main())
"""


def series(number: int, client: str) -> bytes:
    labels = (
        f'"client":"{client}","server":"service-{number}","client_k8s_namespace_name":"team-{number % 99}"'
    )
    return f'{{"metric":{{{labels}}},"value":[1.5,"1"]}},'.encode()


def many(how_many: int) -> Iterator[bytes]:
    """So many different calls."""
    for begin in range(0, how_many, 1000):
        yield b"".join(series(number, f"client-{number}") for number in range(begin, begin + 1000))


def large(label: int, how_many: int) -> Iterator[bytes]:
    """So many series whose client has this many letters."""
    for number in range(how_many):
        yield series(number, "x" * label)


def endless(size: int) -> Iterator[bytes]:
    """One label that does not end within this many bytes."""
    yield b'{"metric":{"client":"'
    for _ in range(size // _MIB):
        yield b"x" * _MIB


async def polled(pieces: Iterator[bytes]) -> tuple[str | None, int, int, int]:
    """What a poll of this answer came to: reason, series, calls, and the bytes by which its process grew."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(BEGINNING)
        for piece in pieces:
            await response.write(piece)
        await response.write(b"{}]}}")
        return response

    async with answering(answer) as backend:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", POLL, backend.url,
            stdout=asyncio.subprocess.PIPE,
            env=settings.for_child(PYTHONPATH=str(Path(__file__).parents[1]), LOG_LEVEL="ERROR"),
        )  # fmt: skip
        said, _ = await child.communicate()
    assert child.returncode == 0
    reason, shown, calls, grown = json.loads(said.splitlines()[-1])
    return reason, shown, calls, grown


@pytest.mark.parametrize(
    ("pieces", "reason", "mib"),
    [
        (many(1_000_000), "TooManySeries", 160),
        (large(_MIB, 100), "TooLarge", 40),
        (large(1000, 110_000), "TooLarge", 60),
        (endless(100 * _MIB), "TooLarge", 40),
    ],
    ids=["a million series", "100 labels of a megabyte", "100 MB of long names", "a label without an end"],
)
async def test_an_answer_without_measure_brings_nothing_and_costs_bounded_memory(
    pieces: Iterator[bytes], reason: str, mib: int
) -> None:
    found, _, calls, grown = await polled(pieces)
    assert (found, calls) == (reason, 0)
    assert grown < mib * _MIB
