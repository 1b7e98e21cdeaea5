"""`servicegraph local`: a real servicegraph on this machine, with nothing to set up and nothing left behind.

The work is done in `servicegraph.local`; here are the words.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from servicegraph.errors import PartFailed
from servicegraph.local import environment, signals
from servicegraph.local import examples as shipped
from servicegraph.local.parts import Options
from servicegraph.local.place import DEFAULT, AlreadyRunning, Place
from servicegraph.local.progress import Sent, Shown
from servicegraph.local.traffic import exporter
from servicegraph.local.traffic.calls import Manner, calls
from servicegraph.local.traffic.counters import Counters
from servicegraph.local.traffic.topology import read

if TYPE_CHECKING:
    from servicegraph.local.place import State


def _absolute(_context: click.Context, _parameter: click.Parameter, value: Path) -> Path:
    return value.absolute()


_dir = click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT,
    show_default=True,
    callback=_absolute,
    help="Folder of the environment; each folder can hold one.",
)
_port = click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port of the HTTP server.  [default: a free one]"
)
_example = click.option(
    "--example", "examples", multiple=True, metavar="NAME", help="Apply this example; may be repeated."
)
_operator = click.option(
    "--no-operator", "operator", flag_value=False, default=True, help="Start the operator yourself."
)


@click.group()
def local() -> None:
    """Run everything on this machine: Postgres, a Kubernetes control plane, the operator.

    \b
    All are real, all are child processes of one supervisor, all listen on 127.0.0.1 only:
      servicegraph local up --detach --example 01-online-boutique
      eval "$(servicegraph local env)"
      kubectl get servicedependencies -A
      servicegraph local down
    """


@local.command()
@_dir
@_port
@click.option("--detach", is_flag=True, help="Return when all is ready and leave it running.")
@_example
@_operator
def up(*, folder: Path, port: int, detach: bool, examples: tuple[str, ...], operator: bool) -> None:
    """Start the environment, wait until it is ready, and say how to talk to it.

    Without --detach it runs until Ctrl-C. Data stays in the folder: the next `up` finds it again.

    \b
    Examples:
      servicegraph local up
      servicegraph local up --detach --example 01-online-boutique
      servicegraph local up --dir /tmp/second --port 8080 --no-operator
    """
    for name in examples:
        shipped.find(name)  # a wrong name is said before anything starts
    options = Options(folder, port, operator, examples)
    shown = Shown(Console(stderr=True))
    try:
        if Place(folder).is_held():
            _already(options, shown)
        elif detach:
            environment.detach(options, shown)
            _explain(_running(folder), folder, "is running")
        else:
            environment.run(
                options, shown, lambda state: _explain(state, folder, "is running; Ctrl-C stops it")
            )
    except AlreadyRunning:  # another `up` was faster
        _already(options, shown)
    except BaseException:
        shown.failed()
        raise


@local.command(hidden=True)
@_dir
@_port
@_example
@_operator
@click.option("--tell", type=int, required=True, help="Descriptor of the pipe to the `up` that waits.")
def supervise(*, folder: Path, port: int, examples: tuple[str, ...], operator: bool, tell: int) -> None:
    """Be the supervisor of a detached environment; `up --detach` starts it."""
    sent = Sent(tell, lambda text: print(text, flush=True))  # noqa: T201 - its output is a log file
    try:
        environment.run(Options(folder, port, operator, examples), sent, lambda _: sent.end())
    except BrokenPipeError:
        sys.exit("the command that started this was interrupted")
    except Exception as error:
        sent.end(error)
        raise


@local.command(hidden=True)
@click.argument("topology", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port of /metrics.  [default: a free one]"
)
def traffic(*, topology: Path, port: int) -> None:
    """Show the series of a collector that sees every call of TOPOLOGY once a second, until Ctrl-C."""
    seen = calls(read(topology), Manner())
    counters, stopped = Counters(), threading.Event()
    with (
        exporter.serve(counters, port) as at,
        contextlib.suppress(signals.Stopped),
        signals.raising_stopped(),
    ):
        click.echo(f"{len(seen)} calls at http://127.0.0.1:{at}/metrics")
        sys.stdout.flush()
        exporter.play(seen, counters, stopped)


@local.command()
@_dir
def env(*, folder: Path) -> None:
    """Print the variables with which kubectl, psql, curl and servicegraph find the environment.

    \b
    Example:
      eval "$(servicegraph local env)"
    """
    click.echo(_running(folder).exports())


@local.command()
@_dir
def down(*, folder: Path) -> None:
    """Stop the environment; its data stays in the folder."""
    stopped = environment.down(folder, Shown(Console(stderr=True)))
    click.echo(f"Stopped; the data is kept in {folder}." if stopped else f"Nothing runs in {folder}.")


def _running(folder: Path) -> State:
    state = Place(folder).state()
    if state is None or not state.ready:
        stage = "nothing runs" if state is None else "the environment is still starting"
        raise PartFailed(
            f"{stage} in {folder}; start it with: servicegraph local up --detach{_dir_option(folder)}"
        )
    return state


def _already(options: Options, shown: Shown) -> None:
    """Say that the environment is running, and how to talk to it; apply the examples that were asked for."""
    shown.step(f"Waiting for the environment in {options.folder}")
    state = Place(options.folder).await_state()
    if state is None:
        raise PartFailed(
            f"the environment in {options.folder} ended while it was starting; see {Place(options.folder).logs}"
        )
    shipped.apply(
        state,
        options.examples,
        shown,
        lambda telemetry: environment.switch_on(options.folder, telemetry, shown),
    )
    state = Place(options.folder).state() or state
    shown.done()
    _explain(state, options.folder, "is running already; nothing was started")


def _explain(state: State, folder: Path, what: str) -> None:
    option = _dir_option(folder)
    lines = [
        f"servicegraph {what}.",
        "",
        f'  eval "$(servicegraph local env{option})"    sets KUBECONFIG, DATABASE_URL, SERVICEGRAPH_URL, …',
        "  kubectl get servicedependencies -A",
        '  curl -s -H "X-API-Key: $SERVICEGRAPH_API_KEY" "$SERVICEGRAPH_URL/api/v1/services"',
        f"  servicegraph local down{option}",
        "",
        f"Logs are in {Place(folder).logs}.",
    ]
    if not state.operator:
        lines[4] = (
            f"  API_PORT={state.servicegraph_url.rsplit(':', 1)[1]} servicegraph run    starts the operator as admin"
        )
    if state.prometheus_url:
        lines[-2:-2] = [f"  Prometheus, for a look at what it is told: {state.prometheus_url}"]
    click.echo("\n".join(lines))
    sys.stdout.flush()


def _dir_option(folder: Path) -> str:
    return "" if folder == DEFAULT.absolute() else f" --dir {folder}"
