"""Objects that an older, looser schema has let in: refused by their field, on the object itself, without harm to any other.

On a control plane of its own, whose schema is first one that lets everything in and then, as after an upgrade, the one that
ships.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from servicegraph import bundle
from support import clusters
from support.apiserver import ApiServer
from support.manifests import manifest
from support.operators import Operator, eventually
from support.teams import Team

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from servicegraph.local.cluster import Cluster
    from servicegraph.settings import LocalSettings

NAMESPACE = "shop"
CRD = bundle.folder("crds") / "servicedependencies.yaml"

ANYTHING: Any = "anything at all"
SERVICE = {"name": "poison"}
TO_B = {"name": "b"}
POISONS: dict[str, tuple[Any, str]] = {
    "a description with NUL": (
        {"service": SERVICE, "dependencies": [{**TO_B, "description": "a\x00b"}]},
        "spec.dependencies[0].description",
    ),
    "a label with a control character": (
        {"service": {**SERVICE, "labels": {"tier": "back\x1bend"}}},
        "spec.service.labels.tier",
    ),
    "a mode that is none": ({"service": SERVICE, "dependencies": [{**TO_B, "mode": "Maybe"}]}, "Sync"),
    "a duration that is none": (
        {"service": SERVICE, "dependencies": [{**TO_B, "timeout": "soon"}]},
        "spec.dependencies[0].timeout",
    ),
    "one target twice": ({"service": SERVICE, "dependencies": [TO_B, TO_B]}, "dependencies[0]"),
    "257 dependencies": (
        {"service": SERVICE, "dependencies": [{"name": f"t{n}"} for n in range(257)]},
        "spec.dependencies",
    ),
    "a dependency without a name": (
        {"service": SERVICE, "dependencies": [{"kind": "Queue"}]},
        "dependencies[0].name",
    ),
    "a service without a name": ({"service": {"kind": "Queue"}, "dependencies": [TO_B]}, "spec.service.name"),
    "no service": ({"dependencies": [TO_B]}, "spec.service"),
}
"""What only a looser schema lets in, and what must be named then."""

UNTOUCHABLE: Any = ["poison"]
"""A spec with which the API server, once the schema is back, refuses every write to the object, that of a status too."""


@pytest.fixture(scope="module")
def schema(local_settings: LocalSettings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A control plane whose schema may be changed; it begins with the one that ships."""
    with clusters.serve(local_settings, tmp_path_factory.mktemp("schema")) as cluster:
        cluster.kubectl.create_namespace(NAMESPACE)
        yield cluster


def loosen(cluster: Cluster) -> None:
    """Let everything in."""
    crd = yaml.safe_load(CRD.read_text())
    for version in crd["spec"]["versions"]:
        del version["selectableFields"]  # they have to stand in the schema
        part = {"x-kubernetes-preserve-unknown-fields": True}
        version["schema"]["openAPIV3Schema"] = {
            "type": "object",
            "properties": {"spec": part, "status": part},
        }
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=yaml.safe_dump(crd))
    server = ApiServer(cluster.kubeconfig)
    eventually(lambda: server.create("default", ANYTHING).code == 201, "everything is let in")
    assert server.delete("default").code == 200


def tighten(cluster: Cluster) -> None:
    """Let in what the schema that ships lets in, as an upgrade does."""
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRD))
    server = ApiServer(cluster.kubeconfig)
    eventually(lambda: server.create("default", ANYTHING, "dryRun=All").code == 422, "the schema is back")


def test_what_a_looser_schema_has_let_in_is_stalled_by_its_field_and_stops_nobody(
    tmp_path: Path, database: str, schema: Cluster
) -> None:
    loosen(schema)
    server, team = ApiServer(schema.kubeconfig), Team(schema.kubectl, NAMESPACE)
    operator = Operator(tmp_path, database, schema.operator_kubeconfig, namespaces=NAMESPACE).start()
    team.apply(manifest("turns-bad", "b"), manifest("stays-good", "b"))
    team.wait()
    bad = {"spec": {"dependencies": [{"name": "b", "mode": "\x00"}]}}
    assert server.merge(NAMESPACE, bad, "turns-bad").code == 200
    team.wait("turns-bad", condition="Stalled")
    operator.stop()

    names = {title: f"poison-{n}" for n, title in enumerate(POISONS)}
    for title, (spec, _) in POISONS.items():
        assert server.create(NAMESPACE, spec, name=names[title]).code == 201, title
    assert server.create(NAMESPACE, UNTOUCHABLE, name="untouchable").code == 201
    tighten(schema)
    operator.start()
    try:
        team.apply(manifest("comes-later", "b"))
        team.wait("comes-later")
        team.wait("turns-bad", *names.values(), condition="Stalled")
        for title, (_, named) in POISONS.items():
            stalled = team.condition(names[title], "Stalled")
            assert stalled["reason"] == "InvalidSpec", title
            assert named in stalled["message"], title
        assert "spec.dependencies[0].mode" in team.condition("turns-bad", "Stalled")["message"]
        assert team.condition("stays-good", "Ready")["status"] == "True"
        assert operator.edges() == {
            (team.id(name), team.id("b")) for name in ("turns-bad", "stays-good", "comes-later")
        }, "what the last good generation said stays"
    finally:
        operator.stop()
