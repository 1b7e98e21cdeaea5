"""A real API server accepts every example as it stands, without a warning and without dropping a field."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml

from servicegraph import bundle
from servicegraph.local.kubectl import read

if TYPE_CHECKING:
    from pathlib import Path

    from servicegraph.local.kubectl import Kubectl

EXAMPLES = sorted(path for path in bundle.folder("examples").iterdir() if any(path.glob("*.yaml")))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_accepted(kubectl: Kubectl, namespace: str, example: Path) -> None:
    objects = [one for one in read(example) if one["kind"] != "Namespace"]
    for one in objects:
        one["metadata"]["namespace"] = namespace
    # Not kept: a source of telemetry is of the whole cluster, and the operators of other tests would ask it.
    applied = kubectl.run(
        *("apply", "--dry-run=server", "--validate=strict", "-f", "-", "-o", "name"),
        stdin=yaml.safe_dump_all(objects),
    )
    assert applied.returncode == 0, applied.stderr
    assert applied.stderr == ""
    assert len(applied.stdout.split()) == len(objects)


def test_the_api_server_keeps_what_the_teams_wrote(kubectl: Kubectl, namespace: str) -> None:
    written = yaml.safe_load((bundle.folder("examples") / "01-online-boutique/frontend.yaml").read_text())
    written["metadata"]["namespace"] = namespace
    kept = json.loads(kubectl("create", "-f", "-", "-o", "json", stdin=json.dumps(written)))["spec"]
    for said, stored in zip(written["spec"]["dependencies"], kept["dependencies"], strict=True):
        assert (
            stored == {"namespace": "", "kind": "Service", "mode": "Sync", "observation": "Expected"} | said
        )
    assert kept["service"] == written["spec"]["service"]
