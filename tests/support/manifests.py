"""Manifests of ServiceDependency objects for tests."""

from __future__ import annotations

from typing import Any

import yaml


def manifest(
    name: str, *targets: str | dict[str, Any], service: dict[str, Any] | None = None, **metadata: Any
) -> dict[str, Any]:
    """An object called `name` whose service of that name calls `targets`; a target is a name or a whole dependency."""
    return {
        "apiVersion": "servicegraph.dev/v1alpha1",
        "kind": "ServiceDependency",
        "metadata": {"name": name, **metadata},
        "spec": {
            "service": {"name": name, **(service or {})},
            "dependencies": [{"name": one} if isinstance(one, str) else one for one in targets],
        },
    }


def text(*manifests: dict[str, Any]) -> str:
    """The manifests as one YAML stream."""
    return yaml.safe_dump_all(manifests)
