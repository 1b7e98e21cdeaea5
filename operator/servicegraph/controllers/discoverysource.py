"""The handler of DiscoverySource: hands each body over and does nothing else, as that of ServiceDependency does.

When a source is polled, and what is said on its object, is up to `reconcile`; what the watch missed is found by its lists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import kopf

from servicegraph.model.discoverysource import PLURAL
from servicegraph.model.servicedependency import GROUP, VERSION

if TYPE_CHECKING:
    from collections.abc import Callable


def register(registry: kopf.OperatorRegistry, deliver: Callable[[dict[str, Any], str | None], None]) -> None:
    """Let `deliver(body, type)` be called with every event; the type is None for what a list shows."""

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry, id="discoverysource")
    async def discoverysource(event: kopf.RawEvent, **_: Any) -> None:
        deliver(dict(event["object"]), event["type"])
