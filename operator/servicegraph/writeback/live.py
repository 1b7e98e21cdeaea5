"""An object as Kubernetes shows it, cut down to what writing back needs.

One is kept for every object in the cluster, so it is small: names are shared, the status is kept as JSON text. `reconcile`
holds them, `desired` reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from sys import intern
from typing import TYPE_CHECKING, Any

import orjson

from servicegraph.model.ids import Kind
from servicegraph.model.packed import written
from servicegraph.model.translate import target_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from servicegraph.model.ids import ServiceKey


@dataclass(frozen=True, slots=True)
class LiveObject:
    """One ServiceDependency at one resource version."""

    uid: str
    namespace: str
    name: str
    generation: int
    resource_version: str
    source: ServiceKey | None
    """The service that its spec is about; None where that cannot be read."""
    targets: tuple[ServiceKey, ...]
    """What its spec names, as far as it can be read: a spec that cannot be accepted may name anything."""
    optional: tuple[ServiceKey, ...]
    """Those of them that need never be seen in telemetry."""
    status_json: bytes

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> LiveObject:
        """The object with this body."""
        meta = body["metadata"]
        spec = _fields(body.get("spec"))
        return cls(
            uid=meta["uid"],
            namespace=intern(meta["namespace"]),
            name=meta["name"],
            generation=meta["generation"],
            resource_version=meta["resourceVersion"],
            source=_key(meta["namespace"], {**_fields(spec.get("service")), "namespace": ""}),
            targets=tuple(_targets(meta["namespace"], spec)),
            optional=tuple(_targets(meta["namespace"], spec, observation="Optional")),
            status_json=written(_fields(body.get("status"))),
        )

    @property
    def status(self) -> dict[str, Any]:
        """The status that it has now; decoded at each call."""
        found: dict[str, Any] = orjson.loads(self.status_json)
        return found


def _fields(part: Any) -> Mapping[str, Any]:
    """A part of an object that ought to be a map; an API server with another schema may keep anything there."""
    return part if isinstance(part, dict) else {}


def _targets(
    own_namespace: str, spec: Mapping[str, Any], observation: str | None = None
) -> Iterator[ServiceKey]:
    """The targets that can be read out of a spec that nobody has checked: all, or those of which it says `observation`."""
    dependencies = spec.get("dependencies")
    for one in dependencies if isinstance(dependencies, list) else ():
        said = _fields(one)
        key = _key(own_namespace, said)
        if key is not None and observation in {None, said.get("observation")}:
            yield key


def _key(own_namespace: str, said: Mapping[str, Any]) -> ServiceKey | None:
    """The service that these fields name; None where they name none."""
    name, namespace = said.get("name"), said.get("namespace") or ""
    kind = said.get("kind") or Kind.SERVICE.value
    if isinstance(name, str) and isinstance(namespace, str) and isinstance(kind, str):
        return target_key(own_namespace, name, namespace, kind)
    return None
