"""The providers: who says that edges exist, and how each source of telemetry fares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servicegraph_api.fragments import dumps

if TYPE_CHECKING:
    from servicegraph.model.records import ProviderRecord, Records
    from servicegraph_api.answers import Ask


async def providers(ask: Ask, records: Records) -> tuple[bytes, int]:
    """All providers, by name, and the version of the graph.

    Raises:
        StoreUnavailable: Postgres cannot be asked.
    """
    version = ask.snapshot.mark.version
    items = [_item(one) for one in await records.providers()]
    return dumps({"items": items, "next_cursor": None, "graph_version": version}), version


def _item(one: ProviderRecord) -> dict[str, Any]:
    return {
        "name": one.name,
        "preset": one.preset,
        "healthy": one.health is None,
        "reason": one.health,
        "healthy_seconds": one.healthy_seconds if one.is_telemetry else None,
        "last_poll": None if one.last_attempt_at is None else _last_poll(one),
        "sees": one.sees,
        "query": one.query,
        "polls": one.polls,
    }


def _last_poll(one: ProviderRecord) -> dict[str, Any]:
    """When it was asked, and what the last good answer showed."""
    return {
        "time": one.last_attempt_at,
        "good_at": one.last_good_at,
        "edges": one.last_edges,
        "drop_since": one.drop_since,
    }
