"""`servicegraph local`, as a person uses it: real processes, one folder each."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from servicegraph import settings
from servicegraph.local.kubectl import Kubectl
from servicegraph.local.place import Place, State
from servicegraph.model.apikey import id_of
from support import databases
from support.processes import (
    await_end,
    await_that,
    children_of,
    command,
    environment,
    open_files,
    runs,
    servicegraph,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

UP = ("local", "up", "--detach", "--no-operator")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start programs as somebody else")


@contextlib.contextmanager
def running(folder: Path, *arguments: str) -> Iterator[State]:
    """An environment without the operator in `folder`, for the time of the block."""
    done = servicegraph(*UP, "--dir", str(folder), *arguments)
    try:
        assert done.returncode == 0, done.stderr
        state = Place(folder).state()
        assert state is not None
        yield state
    finally:
        servicegraph("local", "down", "--dir", str(folder))
        forget(folder)


def forget(folder: Path) -> None:
    """Remove what Postgres under root keeps elsewhere."""
    pointer = folder / "postgres/place"
    if pointer.exists():
        shutil.rmtree(pointer.read_text(), ignore_errors=True)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """An environment that the tests of this file share, in a folder that only we can enter."""
    folder = tmp_path_factory.mktemp("environment")
    folder.chmod(0o700)
    with running(folder):
        yield Place(folder)


@pytest.fixture
def state(place: Place) -> State:
    state = place.state()
    assert state is not None
    return state


def answers(state: State) -> bool:
    """Whether its Postgres and its API server do."""
    try:
        databases.execute(state.database_url, "SELECT 1")
    except (OSError, asyncpg.PostgresError):
        return False
    return Kubectl(Path(state.kubeconfig)).run("get", "namespaces").returncode == 0


def test_everything_is_there_when_up_returns(state: State) -> None:
    databases.execute(state.database_url, "SELECT version FROM graph_meta")
    assert "servicedependencies" in Kubectl(Path(state.kubeconfig))("get", "crds", "-o", "name")


def test_env_prints_shell_lines_that_lead_there(place: Place, state: State) -> None:
    lines = servicegraph("local", "env", "--dir", str(place.folder)).stdout
    shown = subprocess.run(
        [
            "/bin/sh",
            "-c",
            f'{lines}\necho "$KUBECONFIG $DATABASE_URL $SERVICEGRAPH_URL $SERVICEGRAPH_API_KEY"',
        ],
        capture_output=True,
        text=True,
        check=True,
        env={},
    ).stdout
    assert shown.split() == [
        state.kubeconfig,
        state.database_url,
        state.servicegraph_url,
        state.api_key,
    ]
    [key] = json.loads(
        servicegraph("api-keys", "list", "-o", "json", DATABASE_URL=state.database_url).stdout
    )["items"]
    assert key["id"] == id_of(state.api_key)
    assert (key["scope"], key["query_limit"], key["ingestion_limit"]) == ("admin", 0, 0)
    assert all(line.startswith("export ") for line in lines.splitlines())


def test_a_second_up_in_a_folder_says_that_it_is_running(place: Place, state: State) -> None:
    before = children_of(state.supervisor)
    done = servicegraph(*UP, "--dir", str(place.folder))
    assert done.returncode == 0
    assert "is running already; nothing was started" in done.stdout
    assert "servicegraph local env --dir" in done.stdout
    assert children_of(state.supervisor) == before
    assert place.state() == state


def test_a_second_up_applies_the_examples_it_is_given(place: Place, state: State) -> None:
    done = servicegraph(*UP, "--dir", str(place.folder), "--example", "01-online-boutique")
    assert done.returncode == 0, done.stderr
    assert "checkoutservice" in Kubectl(Path(state.kubeconfig))(
        "get", "sdep", "-n", "online-boutique", "-o", "name"
    )


def test_an_example_that_does_not_exist_is_refused_with_those_that_do(place: Place) -> None:
    done = servicegraph(*UP, "--dir", str(place.folder), "--example", "99-nothing")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.search(r"no example '99-nothing'; there are: .*01-online-boutique", done.stderr)


def test_nothing_holds_the_callers_input_and_output(state: State) -> None:
    # `servicegraph()` has read the output of `up` to its end, which comes only when nobody holds it any more.
    for process in {state.supervisor, *children_of(state.supervisor)}:
        assert not {name for name in open_files(process) if name.startswith(("/dev/pts", "/dev/tty"))}
        assert Path(f"/proc/{process}/fd/0").resolve() == Path("/dev/null")


def test_the_operator_has_an_identity_of_its_own_and_only_the_shipped_rights(place: Place) -> None:
    operator = Kubectl(place.folder / "operator.kubeconfig")
    assert "system:serviceaccount:servicegraph-system:servicegraph" in operator("auth", "whoami")
    assert operator("auth", "can-i", "list", "servicedependencies", "-A").strip() == "yes"
    assert operator.run("auth", "can-i", "delete", "namespaces").stdout.strip() == "no"


def test_secrets_are_readable_by_their_owner_only(place: Place) -> None:
    files = [
        "kubeconfig",
        "operator.kubeconfig",
        "identity.json",
        "state.json",
        "keys/tokens.csv",
        "keys/sa.key",
    ]
    assert {(place.folder / name).stat().st_mode & 0o777 for name in files} == {0o600}


@pytest.mark.parametrize("part", ["postgres", "kube-apiserver", "etcd"])
def test_a_part_that_is_killed_is_reported_and_comes_back(place: Place, state: State, part: str) -> None:
    (victim,) = (pid for pid in children_of(state.supervisor) if executes(pid, part))
    os.kill(victim, signal.SIGKILL)
    await_end(victim)
    await_that(lambda: answers(state), f"{part} is back")
    said = place.supervisor_log.read_text()
    assert f"{part} (process {victim}) was killed by SIGKILL; its log is {place.logs / part}.log" in said
    assert re.search(rf"{part} runs again as process \d+", said)
    last = [line for line in (place.logs / f"{part}.log").read_text().splitlines() if line in said]
    assert last or part == "etcd", (
        "the last lines of the part's log are in the report (etcd says nothing when all is well)"
    )


def executes(pid: int, part: str) -> bool:
    """Whether the process is the part's program itself: no leash, no server process of Postgres."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return Path(os.fsdecode(words[0])).name == part and len(words) > 2


def test_two_environments_run_side_by_side(state: State, tmp_path: Path) -> None:
    with running(tmp_path) as other:
        assert answers(state)
        assert answers(other)
        first, second = (vars_of(one) for one in (state, other))
        assert not set(first) & set(second)


def vars_of(state: State) -> list[str]:
    return [state.kubeconfig, state.database_url, state.servicegraph_url, str(state.supervisor)]


def test_no_folder_above_changes_its_mode_and_data_survives_a_restart(tmp_path: Path) -> None:
    above = tmp_path / "closed"
    above.mkdir(mode=0o700)
    folder = above / "environment"
    folder.mkdir(mode=0o700)
    with running(folder) as state:
        processes = children_of(state.supervisor) | {state.supervisor}
        Kubectl(Path(state.kubeconfig)).create_namespace("kept")
        databases.execute(state.database_url, "CREATE TABLE kept ()")
        assert servicegraph("local", "down", "--dir", str(folder)).returncode == 0
        assert not any(runs(pid) for pid in processes)
        again = servicegraph(*UP, "--dir", str(folder))
        assert again.returncode == 0, again.stderr
        assert Kubectl(Path(state.kubeconfig))("get", "namespace", "kept")
        databases.execute(state.database_url, "SELECT FROM kept")
    assert [path.stat().st_mode & 0o777 for path in (above, folder)] == [0o700, 0o700]


def test_a_killed_supervisor_leaves_no_child_and_the_next_up_starts_anew(tmp_path: Path) -> None:
    with running(tmp_path) as state:
        children = children_of(state.supervisor)
        assert children
        os.kill(state.supervisor, signal.SIGKILL)
        again = servicegraph(*UP, "--dir", str(tmp_path))
        assert again.returncode == 0, again.stderr
        assert not any(runs(pid) for pid in children)
        assert answers(state)


def test_what_does_not_start_is_shown_with_its_last_words_and_nothing_stays(tmp_path: Path) -> None:
    assets = tmp_path / "assets"
    assets.mkdir()
    for name in ("etcd", "kube-apiserver"):
        (assets / name).write_text("#!/bin/sh\necho the disk is full >&2\nexit 3\n")
        (assets / name).chmod(0o755)
    folder = tmp_path / "environment"
    done = servicegraph(*UP, "--dir", str(folder), KUBEBUILDER_ASSETS=str(assets))
    assert done.returncode == 1
    assert re.search(
        r"Error: etcd \(process \d+\) ended with exit code 3; its log is .*\nthe disk is full\n", done.stderr
    )
    assert not Place(folder).is_held()
    forget(folder)


def test_an_interrupted_up_gives_up_the_start(tmp_path: Path) -> None:
    up = subprocess.Popen(
        command(*UP, "--dir", str(tmp_path)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    place = Place(tmp_path)
    await_that(lambda: place.state() is not None, "the start has begun")
    up.kill()
    up.wait()
    assert place.await_free(60)
    forget(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_in_the_foreground_it_runs_until_it_is_told_to_stop(tmp_path: Path, number: signal.Signals) -> None:
    place = Place(tmp_path)
    up = subprocess.Popen(
        command("local", "up", "--no-operator", "--dir", str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert up.stdout is not None
    said = up.stdout.readline()  # the signal comes after the words, or they would never be said
    state = place.state()
    assert state is not None
    assert state.supervisor == up.pid
    up.send_signal(number)
    _, progress = up.communicate()
    assert up.returncode == 0
    assert "is running; Ctrl-C stops it" in said
    assert "✓ Stopping postgres" in progress
    assert not place.is_held()
    forget(tmp_path)


def test_a_port_that_is_taken_is_refused_by_number(state: State, tmp_path: Path) -> None:
    taken = state.database_url.rpartition(":")[2].partition("/")[0]
    done = servicegraph(*UP, "--dir", str(tmp_path), "--port", taken)
    assert done.returncode == 1
    assert f"port {taken} of 127.0.0.1 is taken; leave --port out or name another one" in done.stderr


def test_where_nothing_runs_down_says_so_and_env_says_how_to_start(tmp_path: Path) -> None:
    down = servicegraph("local", "down", "--dir", str(tmp_path / "none"))
    assert (down.returncode, down.stdout) == (0, f"Nothing runs in {tmp_path / 'none'}.\n")
    env = servicegraph("local", "env", "--dir", str(tmp_path / "none"))
    assert (env.returncode, env.stdout) == (1, "")
    assert f"servicegraph local up --detach --dir {tmp_path / 'none'}" in env.stderr
    assert not (tmp_path / "none").exists()


@as_root
def test_an_ordinary_user_can_run_it(tmp_path: Path) -> None:
    # The user may read what root has installed, wherever that lies, and owns nothing but a home.
    home = Path("/var/tmp") / f"home-{tmp_path.name}-{os.getpid()}"
    home.mkdir()
    shutil.chown(home, "nobody")
    become = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    become += [f"--{kind}-caps=+dac_read_search" for kind in ("inh", "ambient")]
    variables = environment(HOME=str(home), XDG_CACHE_HOME=str(settings.load_local().cache.parent))

    def as_nobody(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*become, *command("local", *arguments, "--dir", str(home / "environment"))],
            capture_output=True, text=True, check=False, cwd=home, env=variables,
        )  # fmt: skip

    try:
        up = as_nobody("up", "--detach", "--no-operator")
        assert up.returncode == 0, up.stderr
        state = State(**json.loads((home / "environment/state.json").read_text()))
        owners = {Path(f"/proc/{pid}").owner() for pid in children_of(state.supervisor) | {state.supervisor}}
        assert owners == {"nobody"}
        assert answers(state)
        assert not (home / "environment/postgres/place").exists(), "its data lies inside the folder"
        assert as_nobody("down").returncode == 0
    finally:
        as_nobody("down")
        shutil.rmtree(home)
