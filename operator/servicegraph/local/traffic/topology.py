"""Topology files: which services there are, and which calls which; what the generator of series pretends to see.

The format is YAML: `name`, `services` (each with `name`, `kind`, and if one likes `tech` and `namespace`) and `edges` (each
with `from`, `to`, and if one likes `protocol` and `note`). A `namespace` at the top is that of all services that name none.
Further keys are for people. A queue's edges say in `role`, or in
words in `note`, who of its callers is a `consumer`; the others are producers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import yaml

from servicegraph.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Part(StrEnum):
    """What a service of a topology is, as far as spans show it."""

    CLIENT = "client"
    GATEWAY = "gateway"
    SERVICE = "service"
    DATABASE = "database"
    CACHE = "cache"
    QUEUE = "queue"
    EXTERNAL = "external"
    INFRASTRUCTURE = "infrastructure"


INSTRUMENTED = frozenset({Part.CLIENT, Part.GATEWAY, Part.SERVICE})
"""These send spans of their own; of the others only their callers tell."""


@dataclass(frozen=True, slots=True)
class Member:
    """A service of a topology."""

    name: str
    part: Part
    technology: str
    namespace: str
    """Empty where the file names none."""


@dataclass(frozen=True, slots=True)
class Link:
    """That one service calls another."""

    source: Member
    target: Member
    protocol: str
    consumes: bool
    """Of a queue: whether the source takes out what others put in."""


@dataclass(frozen=True, slots=True)
class Topology:
    """What a file says."""

    name: str
    members: Mapping[str, Member]
    links: tuple[Link, ...]


def read(path: Path) -> Topology:
    """Read a topology file.

    Raises:
        BadInput: it is none; the message names the file and what is wrong.
    """
    try:
        return parse(yaml.safe_load(path.read_text()))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput(f"{path} cannot be read as a topology: {error}") from error
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error


def parse(said: Any) -> Topology:
    """The topology in a document.

    Raises:
        BadInput: a service or an edge lacks what it needs.
    """
    if not isinstance(said, dict):
        raise BadInput("a topology is a mapping with name, services and edges")
    try:
        members = {one["name"]: _member(one, said.get("namespace", "")) for one in said["services"]}
        links = tuple(_link(one, members) for one in said["edges"])
        return Topology(said["name"], members, links)
    except KeyError as error:
        raise BadInput(
            f"{error.args[0]!r} is missing, or an edge names a service that is not listed"
        ) from error
    except (TypeError, ValueError) as error:
        raise BadInput(f"services and edges are lists of mappings: {error}") from error


def _member(one: dict[str, Any], namespace: str) -> Member:
    return Member(one["name"], Part(one["kind"]), one.get("tech", ""), one.get("namespace", namespace))


def _link(one: dict[str, Any], members: Mapping[str, Member]) -> Link:
    consumes = one.get("role") == "consumer" or "consumer" in one.get("note", "").lower()
    return Link(members[one["from"]], members[one["to"]], one.get("protocol", ""), consumes)
