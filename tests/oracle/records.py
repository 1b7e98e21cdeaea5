"""What keys have sent over HTTP, told once more: the records that stand after each body, and what became of those in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Record = Mapping[str, Any]
    Body = Mapping[str, list[Record]]


@dataclass
class Said:
    """The records of one provider, by what they are about."""

    services: dict[str, Record] = field(default_factory=dict)
    dependencies: dict[tuple[str, str], Record] = field(default_factory=dict)

    def take(self, mode: str, body: Body) -> dict[str, dict[str, int]]:
        """Let a body count; returns the numbers that are not 0, as the answer has them."""
        sent: tuple[tuple[str, dict[Any, Record], dict[Any, Record]], ...] = (
            ("services", self.services, {_id(one): one for one in body["services"]}),
            (
                "dependencies",
                self.dependencies,
                {(one["source"], one["target"]): one for one in body["dependencies"]},
            ),
        )
        return {name: _taken(mode, known, given) for name, known, given in sent}


def _taken(mode: str, known: dict[Any, Record], given: dict[Any, Record]) -> dict[str, int]:
    counts = dict.fromkeys(("created", "updated", "unchanged", "removed", "absent"), 0)
    for what, record in given.items():
        if mode == "delete":
            counts["absent" if what not in known else "removed"] += 1
            known.pop(what, None)
        else:
            same = what in known and dict(known[what]) == dict(record)
            counts["created" if what not in known else "unchanged" if same else "updated"] += 1
            known[what] = record
    for what in list(known):
        if mode == "replace" and what not in given:
            counts["removed"] += 1
            del known[what]
    return {name: count for name, count in counts.items() if count}


def statements(everyone: Mapping[str, Said]) -> Iterator[tuple[str, str, Record]]:
    """What is said about services, for `fold`."""
    for provider, said in everyone.items():
        for service, record in said.services.items():
            yield provider, service, record


def observations(everyone: Mapping[str, Said]) -> Iterator[dict[str, Any]]:
    """What is said of edges, for `fold`: of the class api, and no ground for an alert."""
    for provider, said in everyone.items():
        for record in said.dependencies.values():
            yield {**record, "provider": provider, "group": "api", "class": "api", "alertable": False}


def _id(record: Record) -> str:
    kind = record.get("kind", "Service")
    return f"{record['namespace']}/{record['name']}" + ("" if kind == "Service" else f":{kind.lower()}")
