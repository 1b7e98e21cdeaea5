"""One operator that outlives every outage of a module, with a fault proxy on each of its two sides."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from faults.apiserver import ApiServerProxy
from faults.postgres import PostgresProxy
from outages.servers import MortalPostgres
from outages.team import ANCHOR, GROUND, Team
from support.apiserver import ApiServer
from support.operators import Operator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from servicegraph.local.cluster import Cluster


@dataclass
class Scene:
    """Where an outage happens: the operator reaches Postgres and the API server through proxies only."""

    folder: Path
    server: MortalPostgres
    database: str
    postgres: PostgresProxy
    apiserver: ApiServerProxy
    namespace: str
    direct: ApiServer
    """The API server past the proxy."""

    def operator(self, **settings: str) -> Operator:
        """An operator of the scene, not started."""
        return Operator(
            self.folder,
            self.postgres.url,
            self.apiserver.kubeconfig,
            namespaces=self.namespace,
            extra=settings,
        )

    def team(self) -> Team:
        """A team of the scene's namespace whose anchor is declared."""
        team = Team(self.direct, self.namespace)
        team.apply(ANCHOR, GROUND)
        return team

    def stored(self) -> set[str]:
        """The names of the objects that Postgres holds."""
        rows = self.server.fetch("SELECT name FROM objects", self.database)
        return {row["name"] for row in rows}

    def heal(self) -> None:
        """End every outage."""
        if self.server.process is None:
            self.server.start()
        self.postgres.heal()
        self.apiserver.heal()


@contextmanager
def scene_of(folder: Path, control_plane: Cluster, server: MortalPostgres) -> Iterator[Scene]:
    """A scene with a database and a namespace of its own."""
    namespace = f"outage-{secrets.token_hex(4)}"
    control_plane.kubectl.create_namespace(namespace)
    database, direct = server.database(), ApiServer(control_plane.kubeconfig)
    with (
        PostgresProxy(database) as postgres,
        ApiServerProxy(control_plane.operator_kubeconfig, folder) as apiserver,
    ):
        try:
            yield Scene(folder, server, database, postgres, apiserver, namespace, direct)
        finally:
            control_plane.kubectl("delete", "servicedependencies", "--all", f"--namespace={namespace}")


@pytest.fixture(scope="session")
def mortal_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MortalPostgres]:
    """A server for all scenes, which outages may hit; whoever breaks it mends it."""
    with MortalPostgres(tmp_path_factory.mktemp("mortal") / "postgres") as server:
        yield server


@pytest.fixture(scope="module")
def scene(
    tmp_path_factory: pytest.TempPathFactory, control_plane: Cluster, mortal_postgres: MortalPostgres
) -> Iterator[Scene]:
    """The scene of a module."""
    with scene_of(tmp_path_factory.mktemp("outages"), control_plane, mortal_postgres) as scene:
        yield scene


@pytest.fixture
def healed(scene: Scene) -> Iterator[None]:
    """Whatever a test breaks is whole again for the next one."""
    yield
    scene.heal()


@pytest.fixture(scope="module")
def survivor(scene: Scene) -> Iterator[tuple[Operator, Team]]:
    """An operator that runs through all tests of a module, and a team; the graph is settled."""
    team = scene.team()
    operator = scene.operator().start()
    team.settle(operator)
    yield operator, team
    scene.heal()
    operator.stop()


@pytest.fixture
def start(scene: Scene) -> Iterator[Callable[..., Operator]]:
    """Start an operator with these settings; it ends with the test."""
    started: list[Operator] = []

    def begin(**settings: str) -> Operator:
        operator = scene.operator(**settings)
        started.append(operator)
        return operator.start()

    yield begin
    for operator in started:
        if operator.process is not None:
            operator.stop()
