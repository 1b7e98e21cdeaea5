"""The handler of CycleAlert: hands each body over and does nothing else, as that of ServiceDependency does.

What a person writes into an alert reaches the graph through `reconcile.acknowledgements`; an object that was deleted by hand is
made again by `reconcile.alert_report`. What the watch missed is found by the lists of `reconcile.alert_objects`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import kopf

from servicegraph.model.cyclealert import PLURAL
from servicegraph.model.servicedependency import GROUP, VERSION

if TYPE_CHECKING:
    from collections.abc import Callable


def register(registry: kopf.OperatorRegistry, deliver: Callable[[dict[str, Any], str | None], None]) -> None:
    """Let `deliver(body, type)` be called with every event; the type is None for what a list shows."""

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry, id="cyclealert")
    async def cyclealert(event: kopf.RawEvent, **_: Any) -> None:
        deliver(dict(event["object"]), event["type"])
