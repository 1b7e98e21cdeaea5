"""The parts of a local environment: which there are, how they are put together, and in which order they start.

`environment.run` starts them and waits; `telemetry` says what its own two parts are.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from servicegraph import settings
from servicegraph.errors import PartFailed
from servicegraph.local import examples
from servicegraph.local.cluster import OPERATOR_NAMESPACE, WEBHOOK_CONFIGURATION, Cluster, Ports
from servicegraph.local.controlplane import binaries
from servicegraph.local.identity import Identity
from servicegraph.local.place import State
from servicegraph.local.postgres import Postgres
from servicegraph.local.probe import answers, speaks_tls
from servicegraph.local.process import Command
from servicegraph.local.supervisor import Part
from servicegraph.local.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from servicegraph.local.place import Place
    from servicegraph.local.supervisor import Supervisor

OURSELVES = (sys.executable, "-P", "-m", "servicegraph")
"""-P: the folder it runs in is no place to import from."""
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


class Parts:
    """Starts the parts of one environment, and says in its place what runs.

    Attributes:
        state: what runs.
    """

    state: State
    _identity: Identity

    def __init__(self, place: Place, supervisor: Supervisor, lock: int) -> None:
        self._place = place
        self._supervisor = supervisor
        self._lock = lock

    def say(self, state: State) -> None:
        """Remember what runs, and write it down for other processes."""
        self.state = state
        self._place.write_state(state)

    def start(self, options: Options) -> None:
        """Start everything that `options` want, but no example.

        Raises:
            PartFailed: something cannot be had or does not start.
        """
        from servicegraph.store import keys, migrate  # noqa: PLC0415 - slow to import, and only starting needs them

        place, progress = self._place, self._supervisor.progress
        identity = self._identity = Identity.of(place.folder, options.port)
        local = settings.load_local()
        for name in options.examples:
            examples.telemetry(name, local, progress)  # what is missing is said before anything starts
        programs = binaries.locate(local, progress)
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
        self.say(
            State(
                supervisor=os.getpid(),
                ready=False,
                kubeconfig=str(cluster.kubeconfig),
                database_url=postgres.url(),
                servicegraph_url=url,
                operator=options.operator,
                api_key=identity.api_key,
            )
        )

        progress.step("Preparing the database and the keys")
        postgres.prepare()
        cluster.prepare()

        self._part(cluster.etcd(), cluster.etcd_is_ready)
        self._part(cluster.apiserver(), cluster.is_ready, seconds=120)
        self._part(postgres.command(), postgres.is_ready)
        progress.step("Migrating the database, installing CRDs and roles")
        postgres.create_database()
        migrate.upgrade(postgres.url())
        keys.admit(postgres.url(), identity.api_key, "local")
        cluster.install()
        if (kept := Telemetry.kept(place)) is not None:
            self._bring_back(kept)
        if options.operator:
            port = identity.ports["webhook"]
            cluster.install_webhook(port)
            # It shows a certificate once the API server trusts it: from then on applies are warned about.
            self._part(
                _operator(place, identity, cluster, postgres),
                lambda: answers(f"{url}/readyz") and speaks_tls(port),
            )

    def switch_on(self, telemetry: Telemetry) -> str:
        """Show telemetry, unless it is shown already; the URL of its Prometheus.

        Raises:
            PartFailed: a part does not start; neither stays.
        """
        if not self.state.prometheus_url:
            started: list[Part] = []
            try:
                for part in telemetry.parts(self._place, self._identity):
                    started.append(self._inheriting(part))
                    self._supervisor.start(started[-1])
            except PartFailed:
                for part in reversed(started):
                    self._supervisor.give_up(part)
                raise
            telemetry.keep(self._place)
            url = telemetry.server(self._place, self._identity).url
            self.say(replace(self.state, prometheus_url=url))
        return self.state.prometheus_url

    def answer(self) -> None:
        """Fulfil the wish for telemetry that another process has left in the place, and say what became of it."""
        wish = Telemetry.kept(self._place)
        if wish is None or wish.token == self.state.telemetry:
            return
        problem = ""
        try:
            self.switch_on(wish)
        except PartFailed as error:
            problem = str(error)
            wish.forget(self._place)
        self._supervisor.progress.done()
        self.say(replace(self.state, telemetry=wish.token, telemetry_problem=problem))

    def _bring_back(self, telemetry: Telemetry) -> None:
        try:
            self.switch_on(telemetry)
        except PartFailed as error:  # what was asked for today matters more
            self._supervisor.progress.note(f"Telemetry stays off: {error}")

    def _part(self, command: Command, is_ready: Callable[[], bool], seconds: float = 60) -> None:
        self._supervisor.start(self._inheriting(Part(command, is_ready, seconds)))

    def _inheriting(self, part: Part) -> Part:
        """The part, holding the lock that says that something still runs."""
        return replace(part, command=replace(part.command, inherits=(self._lock,)))


def _operator(place: Place, identity: Identity, cluster: Cluster, postgres: Postgres) -> Command:
    environment = settings.for_child(
        DATABASE_URL=postgres.url(),
        KUBECONFIG=str(cluster.operator_kubeconfig),
        API_HOST="127.0.0.1",
        API_PORT=str(identity.ports["http"]),
        LOG_FORMAT="json",
        POD_NAMESPACE=OPERATOR_NAMESPACE,
        WEBHOOK_CONFIGURATION=WEBHOOK_CONFIGURATION,
        WEBHOOK_PORT=str(identity.ports["webhook"]),
    )
    return Command(
        name="operator",
        argv=(*OURSELVES, "run"),
        log=place.logs / "operator.log",
        environment=environment,
        grace=_OPERATOR_GRACE_SECONDS,
    )
