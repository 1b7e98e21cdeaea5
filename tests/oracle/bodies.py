"""What one ServiceDependency says, read from the body that `kubectl get -o json` shows, and whether it can be accepted.

Like all of the oracle it imports nothing of the product. `oracle.fold` makes a graph of what is read here.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

Body = dict[str, Any]

_KINDS = ("Service", "Datastore", "Queue", "External")
_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9._]{0,251}[A-Za-z0-9])?")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def printed(namespace: str, name: str, kind: str = "Service") -> str:
    """The id of a service."""
    return f"{namespace or '-'}/{name}" + ("" if kind == "Service" else f":{kind.lower()}")


def called(body: Body) -> str:
    """The object's own name, as messages write it."""
    return f"{body['metadata']['namespace']}/{body['metadata']['name']}"


def uid(body: Body) -> str:
    """What tells the object from any other, also from a later one of its name."""
    identity: str = body["metadata"]["uid"]
    return identity


def age(body: Body) -> tuple[str, ...]:
    """What orders objects: of two that say different things, the one that comes first counts."""
    meta = body["metadata"]
    return meta["creationTimestamp"], meta["namespace"], meta["name"], meta["uid"]


def about(body: Body) -> str:
    """The id of the service that the object is about."""
    service = body["spec"]["service"]
    return printed(body["metadata"]["namespace"], service["name"], service.get("kind") or "Service")


def dependencies(body: Body) -> list[tuple[str, Body]]:
    """The id of each target, and what is said about the call."""
    own = body["metadata"]["namespace"]
    found = []
    for said in body["spec"].get("dependencies") or []:
        kind = said.get("kind") or "Service"
        namespace = "" if kind == "External" else said.get("namespace") or own
        found.append((printed(namespace, said["name"], kind), said))
    return found


def declared(body: Body, now: datetime) -> list[Body]:
    """The evidence that a good object gives, in the form of an observation."""
    return [
        {
            "provider": "declared",
            "group": "declared",
            "class": "declared",
            "source": about(body),
            "target": target,
            "mode": said.get("mode") or "Sync",
            "requirement": said.get("requirement") or "Hard",
            "protocol": said.get("protocol"),
            "accepted": _is_in_force(said.get("acceptedCycle"), now),
        }
        for target, said in dependencies(body)
    ]


def _is_in_force(acceptance: Body | None, now: datetime) -> bool:
    until = (acceptance or {}).get("until")
    return acceptance is not None and (until is None or datetime.fromisoformat(until) > now)


def refusal(body: Body) -> str | None:
    """The reason for which the object cannot be accepted; None for a good one.

    Of the many ways to be invalid it knows those that the tests use: names, kinds, modes, control characters, numbers.
    """
    spec = body.get("spec") or {}
    said = spec.get("dependencies") or []
    if not _is_valid(spec.get("service"), _KINDS[:3]) or not all(_is_valid(one, _KINDS) for one in said):
        return "InvalidSpec"
    written = [(one["name"], one.get("namespace") or "", one.get("kind") or "Service") for one in said]
    itself = (spec["service"]["name"], "", spec["service"].get("kind") or "Service")
    if len(said) > 256 or len(set(written)) < len(written) or itself in written:
        return "InvalidSpec"
    seen = set()
    for target, _ in dependencies(body):
        if target == about(body):
            return "SelfDependency"
        if target in seen:
            return "DuplicateDependency"
        seen.add(target)
    return None


def _is_valid(part: Any, kinds: tuple[str, ...]) -> bool:
    return (
        isinstance(part, dict)
        and isinstance(part.get("name"), str)
        and _NAME.fullmatch(part["name"]) is not None
        and (part.get("kind") or "Service") in kinds
        and (part.get("mode") or "Sync") in {"Sync", "Async"}
        and (part.get("requirement") or "Hard") in {"Hard", "Soft"}
        and not (part.get("kind") == "External" and part.get("namespace"))
        and not any(_CONTROL.search(value) for value in part.values() if isinstance(value, str))
    )
