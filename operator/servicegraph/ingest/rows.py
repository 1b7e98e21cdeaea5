"""From what objects say to rows of the tables of facts: identities become surrogate keys. Pure.

The order of the columns is that of `store.facts`; JSON is text here, which Postgres reads into its own form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from servicegraph.errors import StoreRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from servicegraph.model.ids import ServiceKey
    from servicegraph.model.observation import DeclaredObject


def named_services(objects: Iterable[DeclaredObject]) -> set[ServiceKey]:
    """Every service that `objects` name."""
    return {
        key
        for one in objects
        for key in (
            one.statement.service,
            *(end for seen in one.observations for end in (seen.source, seen.target)),
        )
    }


def named_protocols(objects: Iterable[DeclaredObject]) -> set[str]:
    """Every protocol that `objects` name."""
    return {seen.protocol for one in objects for seen in one.observations}


def statement_rows(
    objects: Iterable[DeclaredObject],
    provider: int,
    ids: Mapping[str, int],
    services: Mapping[ServiceKey, int],
) -> Iterator[tuple[Any, ...]]:
    """One row an object, for `store.facts.STATEMENTS`."""
    for one in objects:
        said = one.statement
        yield (
            provider,
            ids[one.uid],
            services[said.service],
            said.technology,
            said.team,
            said.criticality,
            said.target,
            _json(said.labels),
        )


def observation_rows(
    objects: Iterable[DeclaredObject],
    provider: int,
    ids: Mapping[str, int],
    services: Mapping[ServiceKey, int],
    protocols: Mapping[str, int],
    now: datetime,
) -> Iterator[tuple[Any, ...]]:
    """One row an observation, for `store.facts.OBSERVATIONS`."""
    for one in objects:
        object_id = ids[one.uid]
        for seen in one.observations:
            yield (
                provider,
                object_id,
                seen.raw_key,
                services[seen.source],
                services[seen.target],
                int(seen.evidence),
                protocols[seen.protocol],
                int(seen.mode),
                int(seen.requirement),
                seen.confirmed,
                seen.stale,
                seen.quarantined,
                seen.alertable,
                seen.accepted,
                _json(seen.raw),
                _json(seen.details),
                list(seen.rules),
                now,
            )


def _json(value: Mapping[str, Any]) -> str:
    try:
        return orjson.dumps(value).decode() if value else "{}"
    except orjson.JSONEncodeError as error:
        raise StoreRefused(f"a value cannot be stored as JSON: {error}") from error
