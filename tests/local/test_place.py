"""Who holds a folder, told by locks alone."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicegraph.errors import PartFailed
from servicegraph.local import ports
from servicegraph.local.identity import Identity
from servicegraph.local.lock import is_taken, opened, take
from servicegraph.local.place import AlreadyRunning, Place, State, write

if TYPE_CHECKING:
    from pathlib import Path

STATE = State(
    supervisor=os.getpid(),
    ready=True,
    kubeconfig="/k",
    database_url="postgresql://d",
    servicegraph_url="http://s",
    operator=False,
)


def test_a_place_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    place = Place(tmp_path / "new/place")
    assert not place.is_held()
    with place.hold():
        assert place.is_held()
        with pytest.raises(AlreadyRunning, match=r"runs in .*/new/place already"), place.hold():
            pytest.fail("held twice")
    assert not place.is_held()


def test_the_state_counts_only_while_the_place_is_held(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with place.hold():
        assert place.state() is None
        place.write_state(STATE)
        assert place.state() == STATE
        left_behind = (tmp_path / "state.json").read_text()
    (tmp_path / "state.json").write_text(left_behind)
    assert place.state() is None


def test_those_who_ask_wait_until_the_environment_is_ready(tmp_path: Path) -> None:
    place = Place(tmp_path)
    found: list[State | None] = []
    with place.hold():
        asking = threading.Thread(target=lambda: found.append(place.await_state()))
        asking.start()
        place.write_state(STATE)
        asking.join()
    assert found == [STATE]
    assert place.await_state() is None


def test_a_child_that_inherits_the_lock_holds_it_until_it_ends(tmp_path: Path) -> None:
    with opened(tmp_path / "lock") as lock:
        assert take(lock)
        waits = [sys.executable, "-c", "import sys; sys.stdin.read()"]
        child = subprocess.Popen(waits, stdin=subprocess.PIPE, pass_fds=[lock])
    assert is_taken(tmp_path / "lock")
    child.communicate(b"")
    assert not is_taken(tmp_path / "lock")


def test_those_who_only_look_never_keep_anybody_from_taking_a_lock(tmp_path: Path) -> None:
    enough = threading.Event()
    (tmp_path / "lock").touch()

    def look() -> None:
        while not enough.is_set():
            is_taken(tmp_path / "lock")

    lookers = [threading.Thread(target=look) for _ in range(4)]
    for looker in lookers:
        looker.start()
    try:
        for _ in range(300):
            with opened(tmp_path / "lock") as lock:
                assert take(lock)
    finally:
        enough.set()
        for looker in lookers:
            looker.join()


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
def test_a_shell_reads_back_whatever_stands_in_the_variables(value: str) -> None:
    words = shlex.split(State(1, True, value, value, value, True, api_key=value).exports())
    values = [word.partition("=")[2] for word in words if "=" in word]
    assert values == [value] * 4


def test_a_file_is_replaced_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    for content in (b"first", b"second"):
        write(tmp_path / "file", content)
        assert (tmp_path / "file").read_bytes() == content
        assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_identity_is_kept(tmp_path: Path) -> None:
    assert Identity.of(tmp_path) == Identity.of(tmp_path)


def test_a_port_that_was_taken_in_the_meantime_is_replaced_and_the_rest_is_kept(tmp_path: Path) -> None:
    first = Identity.of(tmp_path)
    kept = json.loads((tmp_path / "identity.json").read_text())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        kept["ports"]["etcd"] = taken.getsockname()[1]
        (tmp_path / "identity.json").write_text(json.dumps(kept))
        second = Identity.of(tmp_path)
        with pytest.raises(PartFailed, match=r"port \d+ of 127\.0\.0\.1 is taken"):
            Identity.of(tmp_path, taken.getsockname()[1])
    assert second.ports["etcd"] != kept["ports"]["etcd"]
    assert second.ports | {"etcd": 0} == first.ports | {"etcd": 0}
    assert second.password == first.password


def test_ports_come_from_below_those_of_outgoing_connections() -> None:
    chosen = ports.free_set(50)
    assert len(set(chosen)) == 50
    assert all(20_000 <= port < 32_768 for port in chosen)
