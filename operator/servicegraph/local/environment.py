"""The local environment: Postgres, control plane and operator in one folder, under one supervising process.

`run` is that process, in the foreground or detached; `detach`, `switch_on` and `down` are what other processes do to it. The
command line (`cli/local.py`) is the only caller beside the tests. Which parts there are, and in which order they start, is said
in `parts`.
"""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

from servicegraph.errors import PartFailed
from servicegraph.local import examples, signals
from servicegraph.local.lock import POLL_SECONDS, pause
from servicegraph.local.parts import OURSELVES, Options, Parts
from servicegraph.local.place import Place
from servicegraph.local.progress import relay
from servicegraph.local.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from servicegraph.local.place import State
    from servicegraph.local.progress import Progress
    from servicegraph.local.telemetry import Telemetry

_STOP_SECONDS = 40
_KILLED_SECONDS = 15
_BELL = signal.SIGUSR1


def run(options: Options, progress: Progress, ready: Callable[[State], None]) -> None:
    """Start everything, call `ready` when it serves, and keep it running until SIGTERM or SIGINT.

    Raises:
        AlreadyRunning: an environment runs in this folder.
        PartFailed: something does not start; everything is stopped again.
    """
    place = Place(options.folder)
    supervisor = Supervisor(progress)
    with place.hold() as lock, signals.raising_stopped(), signals.called(_BELL) as bell:
        try:
            parts = Parts(place, supervisor, lock)
            parts.start(options)
            examples.apply(parts.state, options.examples, progress, parts.switch_on)
            parts.say(replace(parts.state, ready=True))
            progress.done()
            ready(parts.state)
            supervisor.watch(bell, parts.answer)
        except signals.Stopped:
            progress.note("Told to stop")
        except BaseException:
            progress.failed()
            raise
        finally:
            signals.ignore()
            supervisor.stop()
            progress.done()


def detach(options: Options, progress: Progress) -> None:
    """Run `options` in a process of its own that holds nothing of ours, and return when it is ready.

    Raises:
        PartFailed: something does not start; everything is stopped again.
    """
    place = Place(options.folder)
    place.make()
    told, tells = os.pipe()
    arguments = ["--dir", str(options.folder), "--port", str(options.port), "--tell", str(tells)]
    arguments += [] if options.operator else ["--no-operator"]
    arguments += [word for name in options.examples for word in ("--example", name)]
    with place.supervisor_log.open("ab") as log:
        subprocess.Popen(  # noqa: S603 - ourselves
            [*OURSELVES, "local", "supervise", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            pass_fds=(tells,),
            start_new_session=True,
        )
    os.close(tells)
    relay(told, progress, place.supervisor_log)


def switch_on(folder: Path, telemetry: Telemetry, progress: Progress) -> str:
    """Have the environment that runs in `folder` show telemetry; the URL of its Prometheus.

    Raises:
        PartFailed: it does not start, or the environment ended.
    """
    place = Place(folder)
    state = place.await_state()
    if state is not None and state.prometheus_url:
        return state.prometheus_url
    if state is not None:
        telemetry.keep(place)
        progress.step("Starting prometheus and traffic for it")
        signals.send(state.supervisor, _BELL)
    while state is not None and state.telemetry != telemetry.token:
        pause.wait(POLL_SECONDS)
        state = place.await_state()
    if state is None:
        raise PartFailed(f"the environment in {folder} ended; see {place.logs}")
    if state.telemetry_problem:
        raise PartFailed(state.telemetry_problem)
    return state.prometheus_url


def down(folder: Path, progress: Progress) -> bool:
    """Stop what runs in `folder`; False when nothing did.

    Raises:
        PartFailed: it could not be stopped.
    """
    place = Place(folder)
    state = place.state()
    if state is None and not place.is_held():
        return not place.await_free(_KILLED_SECONDS)
    if state is None:
        raise PartFailed(f"the environment in {folder} is at its very start; try again in a moment")
    progress.step(f"Stopping the environment in {folder}")
    if not signals.end(state.supervisor, signal.SIGTERM, _STOP_SECONDS) or not place.await_free(
        _KILLED_SECONDS
    ):
        signals.end(state.supervisor, signal.SIGKILL, _KILLED_SECONDS)  # the leashes see to the rest
        if not place.await_free(_KILLED_SECONDS):
            raise PartFailed(
                f"the environment in {folder} does not stop; its supervisor was process {state.supervisor}"
            )
    progress.done()
    return True
