"""The local environment: Postgres, control plane and operator in one folder, under one supervising process.

`run` is that process, in the foreground or detached; `detach`, `down` and `apply_examples` are what other
processes do to it. The command line (`cli/local.py`) is the only caller beside the tests.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from servicegraph import bundle, settings
from servicegraph.errors import BadInput, PartFailed
from servicegraph.local import signals
from servicegraph.local.cluster import OPERATOR_NAMESPACE, Cluster, Ports
from servicegraph.local.controlplane import binaries
from servicegraph.local.identity import Identity
from servicegraph.local.kubectl import Kubectl
from servicegraph.local.place import Place, State
from servicegraph.local.postgres import Postgres
from servicegraph.local.probe import answers
from servicegraph.local.process import Command
from servicegraph.local.progress import relay
from servicegraph.local.supervisor import Part, Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

    from servicegraph.local.progress import Progress

_OURSELVES = (sys.executable, "-P", "-m", "servicegraph")
"""-P: the folder it runs in is no place to import from."""
_STOP_SECONDS = 40
_KILLED_SECONDS = 15
_OPERATOR_GRACE_SECONDS = 12  # it drains for up to 10


@dataclass(frozen=True, slots=True)
class Options:
    """What to run.

    Attributes:
        folder: absolute path of the environment's folder.
        port: of the HTTP server; 0 takes a free one.
        operator: whether the operator runs too.
        examples: names of examples to apply.
    """

    folder: Path
    port: int = 0
    operator: bool = True
    examples: tuple[str, ...] = ()


def run(options: Options, progress: Progress, ready: Callable[[State], None]) -> None:
    """Start everything, call `ready` when it serves, and keep it running until SIGTERM or SIGINT.

    Raises:
        AlreadyRunning: an environment runs in this folder.
        PartFailed: something does not start; everything is stopped again.
    """
    place = Place(options.folder)
    supervisor = Supervisor(progress)
    with place.hold() as lock, signals.raising_stopped():
        try:
            state = _start(options, supervisor, lock)
            apply_examples(state, options.examples, progress)
            place.write_state(state := replace(state, ready=True))
            progress.done()
            ready(state)
            supervisor.watch()
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
            [*_OURSELVES, "local", "supervise", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            pass_fds=(tells,),
            start_new_session=True,
        )
    os.close(tells)
    relay(told, progress, place.supervisor_log)


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


def apply_examples(state: State, names: tuple[str, ...], progress: Progress) -> None:
    """Apply examples, and wait until the operator, where it runs, has made their objects Ready.

    Raises:
        BadInput: there is no example of that name.
        PartFailed: kubectl's complaint.
    """
    kubectl = Kubectl(Path(state.kubeconfig))
    for name in names:
        folder = example(name)
        progress.step(f"Applying example {name}")
        kubectl.apply(folder)
        if state.operator:
            progress.step(f"Waiting until the objects of {name} are Ready")
            kubectl.wait("Ready", folder)


def example(name: str) -> Path:
    """The folder of the example `name`.

    Raises:
        BadInput: there is none of that name; the message lists those that there are.
    """
    there = {folder.name: folder for folder in bundle.folder("examples").iterdir() if folder.is_dir()}
    if name not in there:
        raise BadInput(f"there is no example {name!r}; there are: {', '.join(sorted(there))}")
    return there[name]


def _start(options: Options, supervisor: Supervisor, lock: int) -> State:
    from servicegraph.store import migrate  # noqa: PLC0415 - slow to import, and only starting needs it

    place, progress = Place(options.folder), supervisor.progress
    identity = Identity.of(place.folder, options.port)
    programs = binaries.locate(settings.load_local(), progress)
    postgres = Postgres(
        place.folder / "postgres",
        place.logs / "postgres.log",
        identity.ports["postgres"],
        identity.password,
        durable=False,  # a killed server is back within a second; with fsync its recovery takes several
    )
    cluster = Cluster(
        place.folder,
        place.logs,
        programs,
        Ports(*(identity.ports[name] for name in ("etcd", "etcd_peer", "apiserver"))),
        admin_token=identity.admin_token,
        operator_token=identity.operator_token,
    )
    url = f"http://127.0.0.1:{identity.ports['http']}"
    state = State(
        supervisor=os.getpid(),
        ready=False,
        kubeconfig=str(cluster.kubeconfig),
        database_url=postgres.url(),
        servicegraph_url=url,
        operator=options.operator,
    )
    place.write_state(state)

    progress.step("Preparing the database and the keys")
    postgres.prepare()
    cluster.prepare()

    def part(command: Command, is_ready: Callable[[], bool], seconds: float = 60) -> None:
        supervisor.start(Part(replace(command, inherits=(lock,)), is_ready, seconds))

    part(cluster.etcd(), cluster.etcd_is_ready)
    part(cluster.apiserver(), cluster.is_ready, seconds=120)
    part(postgres.command(), postgres.is_ready)
    progress.step("Migrating the database, installing CRDs and roles")
    postgres.create_database()
    migrate.upgrade(postgres.url())
    cluster.install()
    if options.operator:
        part(_operator(place, identity, cluster, postgres), lambda: answers(f"{url}/readyz"))
    return state


def _operator(place: Place, identity: Identity, cluster: Cluster, postgres: Postgres) -> Command:
    environment = settings.for_child(
        DATABASE_URL=postgres.url(),
        KUBECONFIG=str(cluster.operator_kubeconfig),
        API_HOST="127.0.0.1",
        API_PORT=str(identity.ports["http"]),
        LOG_FORMAT="json",
        POD_NAMESPACE=OPERATOR_NAMESPACE,
    )
    return Command(
        name="operator",
        argv=(*_OURSELVES, "run"),
        log=place.logs / "operator.log",
        environment=environment,
        grace=_OPERATOR_GRACE_SECONDS,
    )
