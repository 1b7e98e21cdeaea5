"""From what objects say to rows of the tables of facts: identities become surrogate keys. Pure.

The order of the columns is that of `store.facts`; JSON is text here, which Postgres reads into its own form.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from hashlib import blake2b
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import orjson

from servicegraph.errors import StoreRefused
from servicegraph.model.observation import Observation, Statement
from servicegraph.store.facts import OBSERVATIONS, STATEMENTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from servicegraph.model.ids import ServiceKey
    from servicegraph.model.observation import DeclaredObject
    from servicegraph.store.facts import Stamp

_source, _target = attrgetter("source"), attrgetter("target")
_words_of = attrgetter(*(field.name for field in fields(Statement) if field.name != "labels"))
_fields_of = attrgetter(*(field.name for field in fields(Observation) if field.name != "source"))
"""All that an observation says but for its source, nearly always the object's; quicker to write than the observation."""


def digest(said: DeclaredObject) -> bytes:
    """16 bytes that are the same only for objects that say the same, whatever their generation.

    Raises:
        StoreRefused: something in it cannot be written as JSON.
    """
    statement = said.statement
    sources = [seen.source for seen in said.observations]
    if sources.count(statement.service) == len(sources):
        sources = []
    try:
        text = orjson.dumps(
            (
                _words_of(statement),
                sorted(statement.labels.items()),
                sources,
                list(map(_fields_of, said.observations)),
            ),
            default=tuple,
        )
    except orjson.JSONEncodeError as error:
        raise StoreRefused(f"a value cannot be stored as JSON: {error}") from error
    return blake2b(text, digest_size=16).digest()


def named_services(objects: Iterable[DeclaredObject]) -> set[ServiceKey]:
    """Every service that `objects` name."""
    named: set[ServiceKey] = set()
    for one in objects:
        service = one.statement.service
        named.add(service)
        # The source is the very same key nearly always, and to hash a key takes longer than to see that.
        named.update([source for source in map(_source, one.observations) if source is not service])
        named.update(map(_target, one.observations))
    return named


def named_protocols(objects: Iterable[DeclaredObject]) -> set[str]:
    """Every protocol that `objects` name."""
    return {seen.protocol for one in objects for seen in one.observations}


@dataclass(frozen=True, slots=True)
class Keys:
    """The surrogate keys of everything that a batch names, and the time it is first seen at."""

    provider: int
    objects: Mapping[str, int]
    services: Mapping[ServiceKey, int]
    protocols: Mapping[str, int]
    now: datetime


def statement_rows(objects: Iterable[DeclaredObject], keys: Keys) -> Iterator[tuple[Any, ...]]:
    """One row an object, for `store.facts.STATEMENTS`."""
    for one in objects:
        said = one.statement
        yield (
            keys.provider,
            keys.objects[one.uid],
            keys.services[said.service],
            said.technology,
            said.team,
            said.criticality,
            said.target,
            _json(said.labels),
        )


def observation_rows(objects: Iterable[DeclaredObject], keys: Keys) -> Iterator[tuple[Any, ...]]:
    """One row an observation, for `store.facts.OBSERVATIONS`."""
    for one in objects:
        for seen in one.observations:
            yield (
                keys.provider,
                keys.objects[one.uid],
                seen.raw_key,
                keys.services[seen.source],
                keys.services[seen.target],
                seen.evidence,
                keys.protocols[seen.protocol],
                seen.mode,
                seen.requirement,
                seen.confirmed,
                seen.stale,
                seen.quarantined,
                seen.alertable,
                seen.accepted_at(keys.now),
                seen.accepted_until,
                _json(seen.raw),
                _json(seen.details),
                seen.rules,
                keys.now,
            )


def added_rows(objects: Iterable[DeclaredObject], keys: Keys, stamp: Stamp) -> Iterator[tuple[Any, ...]]:
    """All that `objects` say, each as an addition, for `store.facts.log`."""
    printed = {key: str(key) for key in keys.services}
    when, why = (stamp.version, stamp.at, "added"), ("declared", "{}")
    for one in objects:
        who = (stamp.provider_name, f"{one.namespace}/{one.name}")
        yield (*when, STATEMENTS.subject, printed[one.statement.service], None, *who, *why)
        for seen in one.observations:
            yield (*when, OBSERVATIONS.subject, printed[seen.source], printed[seen.target], *who, *why)


def _json(value: Mapping[str, Any]) -> str:
    """JSON text; `digest` has seen already that it can be written."""
    return orjson.dumps(value).decode() if value else "{}"
