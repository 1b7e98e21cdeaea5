"""kubectl as the environment uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from servicegraph.errors import PartFailed

if TYPE_CHECKING:
    from pathlib import Path

    from servicegraph.local.kubectl import Kubectl

MANIFESTS = """
apiVersion: v1
kind: ConfigMap
metadata: {{name: one, namespace: {namespace}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: two, namespace: {namespace}}}
---
"""


def test_a_folder_is_applied_with_all_below_it_and_its_namespaces_are_made(
    kubectl: Kubectl, namespace: str, tmp_path: Path
) -> None:
    (tmp_path / "team").mkdir()
    (tmp_path / "README.md").write_text("not: [a manifest")
    (tmp_path / "team/config.yaml").write_text(MANIFESTS.format(namespace=f"{namespace}-new"))
    kubectl.apply(tmp_path)
    kubectl.apply(tmp_path)
    found = kubectl("get", "configmaps", "-n", f"{namespace}-new", "-o", "name").split()
    assert found == ["configmap/one", "configmap/two"]


def test_what_kubectl_complains_of_is_passed_on(kubectl: Kubectl) -> None:
    with pytest.raises(PartFailed, match=r'kubectl get nonsense failed\n.*"nonsense"'):
        kubectl("get", "nonsense")


def test_objects_of_others_are_not_waited_for(kubectl: Kubectl, namespace: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(MANIFESTS.format(namespace=namespace))
    kubectl.wait("Ready", tmp_path)
