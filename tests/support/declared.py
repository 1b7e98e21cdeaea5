"""Declared objects in one line, for tests of what is stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from servicegraph.model.ids import ServiceKey
from servicegraph.model.observation import DeclaredObject, Observation, StalledObject, Statement
from servicegraph.model.vocabulary import Mode, Requirement

DAWN = datetime(2026, 1, 1, tzinfo=UTC)


def service(name: str, namespace: str = "shop", kind: str = "Service") -> ServiceKey:
    """The key of a service."""
    return ServiceKey("", namespace, name, kind)


def calls(source: ServiceKey, target: str | ServiceKey, **attributes: Any) -> Observation:
    """The declared edge from `source` to `target`; a bare name is one in the namespace of `source`."""
    to = target if isinstance(target, ServiceKey) else service(target, source.namespace)
    said: dict[str, Any] = {"mode": Mode.SYNC, "requirement": Requirement.HARD, "protocol": "gRPC"}
    raw = {"name": to.name, "namespace": to.namespace, "kind": to.kind}
    return Observation(str(to), raw, source, to, **(said | attributes))


def declares(
    name: str,
    *targets: str | ServiceKey | Observation,
    uid: str = "",
    generation: int = 1,
    age: int = 0,
    **statement: Any,
) -> DeclaredObject:
    """The object called `name`, about the service of the same name, which calls `targets`; `age` is in days."""
    source = service(name)
    seen = [one if isinstance(one, Observation) else calls(source, one) for one in targets]
    return DeclaredObject(
        uid or f"uid-of-{name}",
        source.namespace,
        name,
        generation,
        DAWN - timedelta(days=age),
        Statement(source, **statement),
        tuple(seen),
    )


def stalls(
    name: str, *, uid: str = "", generation: int = 1, message: str = "spec.service.name is missing"
) -> StalledObject:
    """The object called `name`, whose generation cannot be accepted."""
    return StalledObject(uid or f"uid-of-{name}", "shop", name, generation, DAWN, "InvalidSpec", message)
