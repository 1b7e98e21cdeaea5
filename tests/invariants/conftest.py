"""A product to be checked: an operator over a database and a namespace of the test's own, and a team that declares there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from oracle.readings import Recorder
from oracle.system import System
from servicegraph.model.servicedependency import API_VERSION, PLURAL
from support.apiserver import ApiServer
from support.operators import Operator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from oracle.bodies import Body
    from servicegraph.local.cluster import Cluster

COMPARE_EACH_SECOND = {"RESYNC_MINUTES": "0.01"}


@dataclass(frozen=True)
class Team:
    """Declares objects in one namespace."""

    server: ApiServer
    namespace: str

    def declare(self, name: str, /, *targets: str | dict[str, Any], **service: Any) -> None:
        """Have the object `name` say that its service calls `targets`; `service` is said about that service, `name` too."""
        said = [{"name": one} if isinstance(one, str) else one for one in targets]
        self.apply(name, {"service": {"name": name, **service}, "dependencies": said})

    def apply(self, name: str, spec: dict[str, Any]) -> None:
        """Have the object `name` say `spec` and nothing else."""
        answer = self.server.apply(self.namespace, spec, "team", "force=true", name)
        assert answer.code in {200, 201}, answer.message

    def delete(self, name: str) -> None:
        """Delete the object `name`."""
        assert self.server.delete(self.namespace, name).code == 200

    def objects(self) -> list[Body]:
        """All objects of the namespace as they are."""
        path = f"/apis/{API_VERSION}/namespaces/{self.namespace}/{PLURAL}"
        answer = self.server.ask("GET", path)
        assert answer.code == 200, answer.message
        items: list[Body] = answer.body["items"]
        return items


@pytest.fixture
def team(control_plane: Cluster, namespace: str) -> Team:
    """A team with a namespace."""
    return Team(ApiServer(control_plane.kubeconfig), namespace)


@pytest.fixture
def stopped_operator(tmp_path: Path, database: str, control_plane: Cluster, team: Team) -> Iterator[Operator]:
    """An operator that watches the team's namespace and compares all the time; not started yet."""
    operator = Operator(
        tmp_path,
        database,
        control_plane.operator_kubeconfig,
        namespaces=team.namespace,
        extra=COMPARE_EACH_SECOND,
    )
    yield operator
    if operator.process is not None:
        operator.kill()  # how it ends is not what is tested here, and draining takes a second


@pytest.fixture
def system(stopped_operator: Operator, database: str, team: Team) -> System:
    """The same as the checkers see it; it is for the test to start the operator."""
    return System(database, Recorder(stopped_operator), team.objects)
