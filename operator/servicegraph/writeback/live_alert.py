"""A CycleAlert as Kubernetes shows it, cut down to what writing back needs: the twin of `live`.

`reconcile.alert_objects` holds them, `alerts` reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from servicegraph.errors import BadInput
from servicegraph.model.alertobject import acknowledgement_of, remembered
from servicegraph.model.cyclealert import DEFAULT_INSTANCE, INSTANCE_LABEL
from servicegraph.model.packed import written

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servicegraph.model.alert import Acknowledgement, Alert


@dataclass(frozen=True, slots=True)
class LiveAlert:
    """One CycleAlert at one resource version."""

    name: str
    uid: str
    generation: int
    resource_version: str
    instance: str
    """The operator that it belongs to."""
    said: Acknowledgement | None
    """What its spec says; None if it says nothing, or nothing that can be used."""
    fault: str
    """What in its spec cannot be used; empty when all can."""
    is_empty: bool
    """Whether nobody has written anything into its spec."""
    status_json: bytes

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> LiveAlert:
        """The object with this body."""
        meta = body["metadata"]
        said, fault = None, ""
        try:
            said = acknowledgement_of(body)
        except BadInput as error:
            fault = error.message
        return cls(
            name=meta["name"],
            uid=meta["uid"],
            generation=meta["generation"],
            resource_version=meta["resourceVersion"],
            instance=(meta.get("labels") or {}).get(INSTANCE_LABEL) or DEFAULT_INSTANCE,
            said=said,
            fault=fault,
            is_empty=not any((body.get("spec") or {}).values()),
            status_json=written(body.get("status") or {}),
        )

    @property
    def status(self) -> dict[str, Any]:
        """The status that it has now; decoded at each call."""
        found: dict[str, Any] = orjson.loads(self.status_json)
        return found

    def remembered(self) -> Alert | None:
        """The alert that its status tells of; None where it tells of none."""
        return remembered(self.name, self.status, self.said)
