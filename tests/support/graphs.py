"""Small graphs for tests: plain facts in, the product's columns and snapshots out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import strategies as st

from servicegraph.graph.columns import NEVER, Mark, Node, ObservationColumns, Provider
from servicegraph.graph.snapshot import Snapshot, build
from servicegraph.model.ids import Kind, ServiceKey
from servicegraph.model.vocabulary import Flag
from support.reference import Fact, Wish

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SEES = frozenset({Kind.SERVICE, Kind.DATASTORE, Kind.EXTERNAL})
MARK = Mark("system", 1, 7, datetime(2026, 1, 1, tzinfo=UTC))
PROVIDERS = (
    Provider("declared", "declared"),
    Provider("api:ci", "api"),
    Provider("api:import", "api"),
    Provider("otel", "http://prometheus", SEES),
    Provider("tempo", "http://prometheus", SEES),
    Provider("other", "http://elsewhere", frozenset({Kind.SERVICE})),
)
GROUPS = [one.group for one in PROVIDERS]
PROTOCOLS = ("", "HTTP", "gRPC", "SQL")


def columns(facts: Sequence[Fact]) -> ObservationColumns:
    """The facts as columns."""

    def column(name: str, kind: type[np.generic]) -> np.ndarray:
        return np.array([getattr(fact, name) for fact in facts], kind)

    flags = sum(
        column(flag.name.lower(), np.bool_).astype(np.uint8) * np.uint8(flag) for flag in Flag if flag.name
    )
    return ObservationColumns(
        source=column("source", np.int32),
        target=column("target", np.int32),
        provider=column("provider", np.int16),
        rank=column("rank", np.int32),
        evidence=column("evidence", np.int8),
        mode=column("mode", np.int8),
        requirement=column("requirement", np.int8),
        flags=np.asarray(flags, np.uint8),
        protocol=column("protocol", np.int32),
        first_seen=np.full(len(facts), 1_000_000, np.int64),
        last_seen=np.where(column("present", np.bool_), NEVER, 2_000_000).astype(np.int64),
    )


def service(number: int) -> ServiceKey:
    """The key of the service with this number; the keys are in the order of the numbers."""
    return ServiceKey("", "shop", f"s{number:04}", "Service")


def snapshot(facts: Sequence[Fact], nodes: int | Iterable[Node] = 8, *, stated: bool = True) -> Snapshot:
    """The facts as a snapshot; `nodes` is how many numbered services there are, or the nodes themselves."""
    known = (
        [Node(service(at), stated=stated) for at in range(nodes)] if isinstance(nodes, int) else list(nodes)
    )
    return build(MARK, known, PROVIDERS, PROTOCOLS, columns(facts))


@st.composite
def facts(draw: st.DrawFn, nodes: int = 8) -> Fact:
    """Any observation that can be stored: provider, evidence and flags fit together."""
    provider = draw(st.integers(0, len(PROVIDERS) - 1))
    telemetry = provider >= 3
    evidence = draw(st.integers(3, 5)) if telemetry else 1 + (provider > 0)
    return Fact(
        source=draw(st.integers(0, nodes - 1)),
        target=draw(st.integers(0, nodes - 1)),
        provider=provider,
        rank=draw(st.integers(0, 3)) if provider == 0 else 0,
        evidence=evidence,
        mode=draw(st.integers(1, 2)) if evidence != 2 else draw(st.integers(0, 2)),
        requirement=0 if telemetry else draw(st.integers(1 if provider == 0 else 0, 2)),
        protocol=draw(st.integers(0, len(PROTOCOLS) - 1)),
        present=draw(st.booleans()) if telemetry else True,
        confirmed=draw(st.booleans()) if telemetry else True,
        stale=draw(st.booleans()) if telemetry else False,
        quarantined=draw(st.booleans()) if telemetry else False,
        alertable=draw(st.booleans()) if provider != 0 else True,
        accepted=draw(st.booleans()) if provider == 0 else False,
        optional=draw(st.booleans()) if provider == 0 else False,
    )


wishes = st.builds(
    Wish,
    include_stale=st.booleans(),
    include_quarantined=st.booleans(),
    min_confidence=st.sampled_from([0.0, 0.0, 0.25, 0.5, 0.6, 0.9, 0.95, 0.9925]),
    provider=st.none() | st.integers(0, len(PROVIDERS) - 1),
    mode=st.none() | st.sampled_from([1, 2]),
    requirement=st.none() | st.sampled_from([1, 2]),
)
