"""The real API server and kubectl judge the same manifests as `servicegraph check`, which has no cluster to ask."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from servicegraph.checks.documents import documents
from servicegraph.model import cyclealert, discoverysource, servicedependency
from servicegraph.model.servicedependency import API_VERSION
from support.apiserver import Answer, ApiServer
from support.objects import RIGHT_OBJECTS, WRONG_OBJECTS, dependency

if TYPE_CHECKING:
    from servicegraph.local.cluster import Cluster
    from servicegraph.local.kubectl import Kubectl

PATHS = {
    servicedependency.KIND: f"namespaces/default/{servicedependency.PLURAL}",
    cyclealert.KIND: cyclealert.PLURAL,
    discoverysource.KIND: discoverysource.PLURAL,
}
OF_SPECS = ("a spec with ", "a source with ")
"""How cases begin that the tests of each CRD put to the API server."""
WORDS = "on off yes No y N true TRUE null ~ Null tRue ~x <<< ="
WHOLE = "1 +1 -1 010 0o10 08 0b11 0x1F 0x 0xg 1_000 _1 4611686018427387904"
FRACTIONS = "1e3 1e+3 1.5E2 .5 5. +.5 -.5 0.1_5 99.95 1e e3 1.2.3 +"
TIMES = "1:30 12:30:45 2027-01-31 2027-01-31T00:00:00Z 1h30m 1-2"
QUOTED = [
    "'on'",
    '"1"',
    "!!str 1",
    "!!str on",
    "!!str x",
    "'a''b'",
    r'"a\tb\u00e4"',
    "a b",
    "|\n      x\n",
    "",
]
SPELLINGS = [*f"{WORDS} {WHOLE} {FRACTIONS} {TIMES}".split(), *QUOTED]


@pytest.fixture
def server(control_plane: Cluster) -> ApiServer:
    return ApiServer(control_plane.kubeconfig)


def judged(server: ApiServer, body: dict[str, Any]) -> Answer:
    path = f"/apis/{API_VERSION}/{PATHS[body['kind']]}?dryRun=All&fieldValidation=Strict"
    return server.ask("POST", path, body)


@pytest.mark.parametrize("name", [name for name in RIGHT_OBJECTS if not name.startswith(OF_SPECS)])
def test_a_right_object_is_accepted(server: ApiServer, name: str) -> None:
    answer = judged(server, RIGHT_OBJECTS[name])
    assert answer.code == 201, answer.message


@pytest.mark.parametrize("name", [name for name in WRONG_OBJECTS if not name.startswith(OF_SPECS)])
def test_a_wrong_object_is_refused_at_its_field(server: ApiServer, name: str) -> None:
    answer = judged(server, WRONG_OBJECTS[name].body)
    assert answer.code in {400, 422}
    assert WRONG_OBJECTS[name].field.rpartition(".")[2] in answer.message


def test_kubectl_reads_every_spelling_of_a_value_as_we_do(kubectl: Kubectl) -> None:
    values = "".join(f"    k{number}: {text}\n" for number, text in enumerate(SPELLINGS))
    text = (
        f"apiVersion: {API_VERSION}\nkind: ServiceDependency\nmetadata:\n  name: one\nspec:\n"
        "  base: &base {a: 1, b: 2}\n  merged:\n    <<: *base\n    b: 3\n"
        f"  keys: {{on: x, 1: y, 1.5: z}}\n  values:\n{values}"
    )
    printed = kubectl("create", "--dry-run=client", "--validate=false", "-o", "json", "-f", "-", stdin=text)
    theirs = json.loads(printed)["spec"]
    (document,) = documents(text)
    ours = document.body["spec"]
    assert ours["merged"] == theirs["merged"]
    assert ours["keys"] == theirs["keys"]
    read = {spelling: ours["values"][f"k{at}"] for at, spelling in enumerate(SPELLINGS)}
    told = {spelling: theirs["values"][f"k{at}"] for at, spelling in enumerate(SPELLINGS)}
    assert {one: (read[one], told[one]) for one in read if not same(read[one], told[one])} == {}


def same(ours: Any, theirs: Any) -> bool:
    """Whether two values are the same in JSON, where 1000.0 is 1000 and true is not 1."""
    numbers = {int, float}
    kinds = {type(ours), type(theirs)}
    return bool(ours == theirs) and (len(kinds) == 1 or kinds == numbers)


def test_kubectl_keeps_the_last_of_a_key_that_comes_twice_and_does_not_say_so(kubectl: Kubectl) -> None:
    text = yaml.safe_dump(dependency(labels={"tier": "a"})).replace("tier: a\n", "tier: b\n    tier: a\n")
    (ours,) = documents(text)
    assert ours.repeated == (("tier", 1 + text[: text.index("tier: a")].count("\n")),)
    done = kubectl.run("create", "--dry-run=server", "-o", "json", "-f", "-", stdin=text)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["metadata"]["labels"] == ours.body["metadata"]["labels"] == {"tier": "a"}
