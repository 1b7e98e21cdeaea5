"""A DiscoverySource in the cluster, as people keep it with kubectl."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from support.operators import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servicegraph.local.kubectl import Kubectl
    from support.operators import Operator


@dataclass
class SourceObject:
    """One object, asked for by name.

    Attributes:
        kubectl: who keeps it.
        name: of the object, and of the provider that it is.
        url: of the Prometheus that it names.
    """

    kubectl: Kubectl
    name: str
    url: str
    _timeouts: Iterator[int] = field(default_factory=lambda: itertools.cycle((11, 12)))

    def apply(self, **spec: Any) -> None:
        """Create or change it; the interval and window are the shortest that there are unless `spec` says otherwise."""
        shortest = {"interval": "15s", "window": "30s"}
        prometheus = {"url": self.url, "timeout": f"{next(self._timeouts)}s"}
        manifest = {
            "apiVersion": "servicegraph.dev/v1alpha1",
            "kind": "DiscoverySource",
            "metadata": {"name": self.name},
            "spec": {**shortest, "prometheus": prometheus, **spec},
        }
        self.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump(manifest))

    def poll(self, operator: Operator, **spec: Any) -> None:
        """Have it polled now, and wait until that is stored: a changed spec is polled at once."""
        before = self.stored(operator)
        self.apply(**spec)
        eventually(lambda: self.stored(operator) > before, f"a poll of {self.name} is stored")

    def stored(self, operator: Operator) -> str:
        """When the last stored poll was made, as text that sorts; "" before the first."""
        return str((self.provider(operator).get("last_poll") or {}).get("time") or "")

    def provider(self, operator: Operator) -> dict[str, Any]:
        """What the operator says of it as a provider; empty while it knows of none."""
        items = operator.get("/api/v1/providers").json()["items"]
        return next((one for one in items if one["name"] == self.name), {})

    def status(self) -> dict[str, Any]:
        """Its status as it stands in the cluster."""
        body: dict[str, Any] = json.loads(self.kubectl("get", "dsrc", self.name, "-o", "json"))
        status: dict[str, Any] = body.get("status", {})
        return status

    def condition(self, kind: str) -> dict[str, Any]:
        """One of its conditions; empty where it has none of that kind."""
        found: dict[str, Any] = next(
            (one for one in self.status().get("conditions", []) if one["type"] == kind), {}
        )
        return found

    def delete(self) -> None:
        """Take it away, if it is there."""
        self.kubectl("delete", "dsrc", self.name, "--ignore-not-found")
