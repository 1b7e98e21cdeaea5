"""An operator that the API server asks about one namespace."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from servicegraph.local import ports
from servicegraph.local.cluster import OPERATOR_NAMESPACE
from support import webhooks
from support.manifests import manifest
from support.operators import Operator, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servicegraph.local.cluster import Cluster
    from servicegraph.local.kubectl import Kubectl
    from support.databases import PostgresServer


@dataclass(frozen=True, slots=True)
class Team:
    """Somebody who applies manifests in a namespace, and the operator that warns about them."""

    kubectl: Kubectl
    namespace: str
    operator: Operator

    def apply(self, body: dict[str, Any], *options: str) -> list[str]:
        """Apply a manifest; the warnings that kubectl prints."""
        place = ("-n", self.namespace, "-f", "-")
        done = self.kubectl.run("apply", *options, *place, stdin=yaml.safe_dump(body))
        assert done.returncode == 0, done.stderr
        lines = done.stderr.splitlines()
        assert all(line.startswith("Warning: ") for line in lines), done.stderr
        return [line.removeprefix("Warning: ") for line in lines]

    def asked(self) -> float:
        """How often the API server has asked."""
        return self.operator.metric("servicegraph_admission_reviews_total")

    def is_warned(self) -> bool:
        """Whether warnings arrive; changes nothing."""
        itself = {"name": "probe", "namespace": self.namespace}
        return bool(self.apply(manifest("probe", itself), "--dry-run=server"))


@pytest.fixture(scope="module")
def team(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: PostgresServer,
    template_database: str,
    control_plane: Cluster,
    kubectl: Kubectl,
) -> Iterator[Team]:
    """A team whose namespace the operator of the module watches; the warnings have begun."""
    namespace, port = f"test-{secrets.token_hex(4)}", ports.free()
    kubectl.create_namespace(namespace)
    with (
        postgres_server.database(template=template_database) as database,
        webhooks.installed(kubectl, namespace, port),
    ):
        operator = Operator(
            tmp_path_factory.mktemp("operator"),
            postgres_server.url_of(database),
            control_plane.operator_kubeconfig,
            namespaces=namespace,
            extra={
                "WEBHOOK_CONFIGURATION": webhooks.NAME,
                "WEBHOOK_PORT": str(port),
                "POD_NAMESPACE": OPERATOR_NAMESPACE,
            },
        )
        try:
            ready = Team(kubectl, namespace, operator.start())
            eventually(ready.is_warned, "the API server asks the operator")
            yield ready
        finally:
            if operator.process is not None:
                operator.stop()
            kubectl("delete", "sdep", "--all", "-n", namespace)
