"""What telemetry has shown, put into the tables by plain SQL: for tests of what is told about it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from servicegraph.model.ids import parse_id

if TYPE_CHECKING:
    from support.rows import Rows

QUERY = "count_over_time(traces_service_graph_request_total[15m])"


async def source_of_telemetry(rows: Rows, name: str = "otel", **columns: Any) -> None:
    """A source called `name`, healthy for an hour unless `columns` say otherwise."""
    said = {"evidence_group": "http://prometheus", "preset": "OTelCollector", "query": QUERY}
    await _insert(rows, "providers", {"name": name, **said, "healthy_seconds": 3600.0, **columns})


async def shows(rows: Rows, source: str, target: str, provider: str = "otel", **columns: Any) -> None:
    """The call between the services with these ids, as seen at both ends; the services are made where they are not."""
    for printed in (source, target):
        key = parse_id(printed)
        await rows.run(
            "INSERT INTO services (cluster, namespace, name, kind, printed) VALUES ($1, $2, $3, $4, $5)"
            " ON CONFLICT DO NOTHING",
            *key,
            printed,
        )
    names = {"client": parse_id(source).name, "server": parse_id(target).name}
    said = {"raw_key": f"{source}>{target}", "raw": json.dumps(names), "evidence": 3, "mode": 1, **columns}
    ids = {
        "source": await rows.one("SELECT id FROM services WHERE printed = $1", source),
        "target": await rows.one("SELECT id FROM services WHERE printed = $1", target),
        "provider": await rows.one("SELECT id FROM providers WHERE name = $1", provider),
    }
    first_seen = await rows.one("SELECT committed_at FROM graph_meta")
    await _insert(rows, "observations", {"first_seen": first_seen, **ids, **said})


async def _insert(rows: Rows, table: str, columns: dict[str, Any]) -> None:
    places = ", ".join(f"${at}" for at in range(1, len(columns) + 1))
    await rows.run(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", *columns.values())
