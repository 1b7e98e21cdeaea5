"""Bodies of ServiceDependency objects as the API server shows them, for tests without one."""

from __future__ import annotations

from typing import Any


def body(
    name: str = "a",
    *,
    namespace: str = "shop",
    uid: str | None = None,
    generation: int = 1,
    version: int = 1,
    targets: tuple[str, ...] = (),
) -> dict[str, Any]:
    """An object called `name` whose service of the same name calls `targets` in its own namespace."""
    return {
        "apiVersion": "servicegraph.dev/v1alpha1",
        "kind": "ServiceDependency",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid or f"uid-{namespace}-{name}",
            "generation": generation,
            "resourceVersion": str(version),
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {
            "service": {"name": name, "kind": "Service"},
            "dependencies": [
                {
                    "name": target,
                    "namespace": "",
                    "kind": "Service",
                    "mode": "Sync",
                    "requirement": "Hard",
                    "observation": "Expected",
                }
                for target in targets
            ],
        },
        "status": {"observedGeneration": -1},
    }
