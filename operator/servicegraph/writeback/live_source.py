"""A DiscoverySource as Kubernetes shows it, cut down to what polling and writing back need: the twin of `live_alert`.

`reconcile.sources` holds them and has the spec checked, `source` reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from servicegraph.model.packed import written

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class LiveSource:
    """One DiscoverySource at one resource version."""

    name: str
    uid: str
    generation: int
    resource_version: str
    spec: Mapping[str, Any]
    """As it is stored: an API server with another schema may have let in anything."""
    status_json: bytes

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> LiveSource:
        """The object with this body."""
        meta, spec, status = body["metadata"], body.get("spec"), body.get("status")
        return cls(
            name=meta["name"],
            uid=meta["uid"],
            generation=meta["generation"],
            resource_version=meta["resourceVersion"],
            spec=spec if isinstance(spec, dict) else {},
            status_json=written(status if isinstance(status, dict) else {}),
        )

    @property
    def status(self) -> dict[str, Any]:
        """The status that it has now; decoded at each call."""
        found: dict[str, Any] = orjson.loads(self.status_json)
        return found
