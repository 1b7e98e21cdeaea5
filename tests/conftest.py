"""What every test may ask for: a database, a cluster, a namespace in it, kubectl, a Prometheus.

All are real and all are child processes on leashes, so that a test run that is killed leaves nothing running.
Servers live for the whole run; databases and namespaces for one test.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import hypothesis
import pytest

from servicegraph import settings
from servicegraph.local.prometheus import programs
from servicegraph.model.servicedependency import API_VERSION, PLURAL
from support import clusters, databases, keyed, prometheuses
from support.showing import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servicegraph.local.cluster import Cluster
    from servicegraph.local.kubectl import Kubectl
    from servicegraph.local.prometheus.programs import Program
    from servicegraph.settings import LocalSettings

# A failing example prints what replays it; deadlines would assert the speed of a shared machine.
hypothesis.settings.register_profile("servicegraph", print_blob=True, derandomize=False, deadline=None)
hypothesis.settings.load_profile("servicegraph")


@pytest.fixture(scope="session")
def local_settings() -> LocalSettings:
    """The settings of the test run."""
    return settings.load_local()


@pytest.fixture(scope="session")
def postgres_server(
    local_settings: LocalSettings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[databases.PostgresServer]:
    """One Postgres server for the run."""
    with databases.serve(local_settings, tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def template_database(postgres_server: databases.PostgresServer) -> Iterator[str]:
    """The name of a database that is migrated once, knows the key of the tests, and is copied for each test."""
    from servicegraph.store import migrate  # noqa: PLC0415 - tests without a database need not import it

    with postgres_server.database(prefix="template") as name:
        migrate.upgrade(postgres_server.url_of(name))
        keyed.admit(postgres_server.url_of(name))
        yield name


@pytest.fixture
def database(postgres_server: databases.PostgresServer, template_database: str) -> Iterator[str]:
    """The url of a fresh, migrated database; it is dropped after the test."""
    with postgres_server.database(template=template_database) as name:
        yield postgres_server.url_of(name)


@pytest.fixture
def empty_database(postgres_server: databases.PostgresServer) -> Iterator[str]:
    """The url of a fresh database without any table; it is dropped after the test."""
    with postgres_server.database() as name:
        yield postgres_server.url_of(name)


@pytest.fixture(scope="session")
def control_plane(
    local_settings: LocalSettings, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[Cluster]:
    """One Kubernetes control plane for the run, with the CRDs and roles that ship applied."""
    folder = tmp_path_factory.mktemp("cluster")
    with clusters.serve(local_settings, folder, progress=shown(pytestconfig)) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def prometheus_program(local_settings: LocalSettings, pytestconfig: pytest.Config) -> Program:
    """What runs Prometheus; built when there is no other way to get it, so that whoever looks for it finds it from now on."""
    return programs.locate(local_settings, shown(pytestconfig), may_build=True)


@pytest.fixture(scope="session")
def prometheus(
    local_settings: LocalSettings,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[prometheuses.PrometheusServer]:
    """One Prometheus for the run, which scrapes each second what tests add to its targets."""
    folder = tmp_path_factory.mktemp("prometheus")

    def program() -> Program:
        found: Program = request.getfixturevalue("prometheus_program")
        return found

    with prometheuses.serve(local_settings, folder, program) as server:
        yield server


@pytest.fixture(scope="session")
def kubectl(control_plane: Cluster) -> Kubectl:
    """kubectl as the administrator: `kubectl("get", "sdep", …)` is what it prints, `kubectl.run(…)` does not judge."""
    return control_plane.kubectl


@pytest.fixture
def namespace(kubectl: Kubectl) -> Iterator[str]:
    """A namespace of this test's own; the objects of ours in it are deleted afterwards (nothing empties a namespace here)."""
    name = f"test-{secrets.token_hex(4)}"
    kubectl.create_namespace(name)
    yield name
    # As one request: kubectl would delete hundreds of objects one after the other.
    kubectl("delete", "--raw", f"/apis/{API_VERSION}/namespaces/{name}/{PLURAL}")
