"""What people see while things start, on a terminal, in a log, and through the pipe of a detached environment."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from servicegraph.errors import PartFailed
from servicegraph.local.place import AlreadyRunning
from servicegraph.local.progress import Sent, Shown, relay

WORDS = st.lists(
    st.tuples(st.sampled_from(["step", "detail", "note", "done", "failed"]), st.text()), max_size=20
)


class Heard:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.words: list[tuple[str, str]] = []

    def step(self, text: str) -> None:
        self.words.append(("step", text))

    def detail(self, text: str) -> None:
        self.words.append(("detail", text))

    def note(self, text: str) -> None:
        self.words.append(("note", text))

    def done(self) -> None:
        self.words.append(("done", ""))

    def failed(self) -> None:
        self.words.append(("failed", ""))


def tell(sent: Sent, words: list[tuple[str, str]]) -> None:
    for kind, text in words:
        getattr(sent, kind)(*([] if kind in {"done", "failed"} else [text]))


@given(WORDS)
def test_what_is_sent_is_heard_word_for_word(words: list[tuple[str, str]]) -> None:
    told, tells = os.pipe()
    sent, heard = Sent(tells, lambda _: None), Heard()
    tell(sent, words)
    sent.end()
    relay(told, heard, Path("log"))
    assert heard.words == [(kind, "" if kind in {"done", "failed"} else text) for kind, text in words]


@pytest.mark.parametrize(
    ("error", "expected"),
    [(ValueError("no disk"), PartFailed), (AlreadyRunning("it runs"), AlreadyRunning)],
)
def test_an_error_arrives_as_one(error: Exception, expected: type[Exception]) -> None:
    told, tells = os.pipe()
    Sent(tells, lambda _: None).end(error)
    with pytest.raises(expected, match=str(error)):
        relay(told, Heard(), Path("log"))


def test_a_sender_that_dies_is_reported_with_its_log() -> None:
    told, tells = os.pipe()
    os.close(tells)
    with pytest.raises(PartFailed, match=r"ended while it was starting; its log is /the/log"):
        relay(told, Heard(), Path("/the/log"))


def test_a_listener_that_dies_is_noticed_once() -> None:
    told, tells = os.pipe()
    log: list[str] = []
    sent = Sent(tells, log.append)
    os.close(told)
    with pytest.raises(BrokenPipeError):
        sent.step("one")
    sent.step("two")
    sent.end()
    assert log == ["one", "two"]


def test_elsewhere_than_on_a_terminal_each_step_is_a_line() -> None:
    out = io.StringIO()
    shown = Shown(Console(file=out))
    shown.step("Starting etcd")
    shown.detail("not worth a line yet")
    shown.note("[brackets] are no markup")
    shown.step("Starting kube-apiserver")
    shown.failed()
    shown.done()
    lines = out.getvalue().splitlines()
    assert [line.partition(" (")[0] for line in lines] == [
        "[brackets] are no markup",
        "  ✓ Starting etcd",
        "  ✗ Starting kube-apiserver",
    ]


def test_a_long_step_says_where_it_stands_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    shown = Shown(Console(file=out))
    now = 0.0
    monkeypatch.setattr("servicegraph.local.progress.time.monotonic", lambda: now)
    shown.step("Building")
    for second in range(61):
        now = float(second)
        shown.detail(f"{second} packages")
    assert out.getvalue().splitlines() == [f"  … Building: {second} packages" for second in (15, 30, 45, 60)]


def test_on_a_terminal_the_step_at_hand_is_a_live_line() -> None:
    out = io.StringIO()
    shown = Shown(Console(file=out, force_terminal=True, width=80))
    shown.step("Building")
    shown.detail("17 packages")
    shown.done()
    assert "Building: 17 packages" in out.getvalue()
    assert "✓ Building" in out.getvalue()
