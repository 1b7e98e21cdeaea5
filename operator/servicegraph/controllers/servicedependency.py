"""The handler of ServiceDependency: hands each body to the inbox and does nothing else.

Only `on.event` is used: it writes nothing, so objects get no annotations and no finalizers, and a restart sends no PATCH. What
the watch missed is found by `reconcile.resync`; what happens to a body is told by `reconcile.run`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import kopf

from servicegraph.model.servicedependency import GROUP, PLURAL, VERSION

if TYPE_CHECKING:
    from collections.abc import Callable


def register(registry: kopf.OperatorRegistry, deliver: Callable[[dict[str, Any], str | None], None]) -> None:
    """Let `deliver(body, type)` be called with every event; the type is None for what a list shows."""

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry, id="servicedependency")
    async def servicedependency(event: kopf.RawEvent, **_: Any) -> None:
        deliver(dict(event["object"]), event["type"])
