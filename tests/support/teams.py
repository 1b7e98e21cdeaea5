"""A team that uses kubectl as teams do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from support.manifests import text

if TYPE_CHECKING:
    from servicegraph.local.kubectl import Kubectl


class Team:
    """A team with kubectl in its own namespace."""

    def __init__(self, kubectl: Kubectl, namespace: str) -> None:
        self.kubectl = kubectl
        self.namespace = namespace

    def apply(self, *manifests: dict[str, Any]) -> None:
        self.kubectl(
            "apply", "--server-side", f"--namespace={self.namespace}", "-f", "-", stdin=text(*manifests)
        )

    def wait(self, *names: str, condition: str = "Ready") -> None:
        objects = [f"sdep/{name}" for name in names] or ["sdep", "--all"]
        self.kubectl(
            "wait", f"--for=condition={condition}", "--timeout=60s", f"--namespace={self.namespace}", *objects
        )

    def delete(self, name: str) -> None:
        self.kubectl("delete", "sdep", name, f"--namespace={self.namespace}")

    def get(self, name: str) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(
            self.kubectl("get", "sdep", name, "-o", "json", f"--namespace={self.namespace}")
        )
        return read

    def condition(self, name: str, kind: str) -> dict[str, Any]:
        conditions = {one["type"]: one for one in self.get(name)["status"].get("conditions", [])}
        found: dict[str, Any] = conditions.get(kind, {})
        return found

    def id(self, name: str) -> str:
        return f"{self.namespace}/{name}"
