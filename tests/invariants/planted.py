"""The product with one bug planted in it: `python planted.py BUG run`, a child process as real as the healthy one."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from servicegraph.cli import main
from servicegraph.ingest.batch import Committed
from servicegraph.ingest.commit import GraphWriter
from servicegraph.model import translate
from servicegraph.model.observation import DeclaredObject
from servicegraph.model.ports import Freshness
from servicegraph.reconcile import run
from servicegraph.reconcile.intake import Intake
from servicegraph.reconcile.resync import Resync
from servicegraph.store import nodes
from servicegraph.store.current import CurrentSnapshot
from servicegraph.store.engine import transaction

if TYPE_CHECKING:
    from servicegraph.ingest.batch import Batch

_plant = pytest.MonkeyPatch().setattr


def lost_deletion() -> None:
    """Nobody listens when an object is deleted, and no comparison finds out."""
    deliver = Intake.deliver

    def deaf(self: Intake, body: dict[str, Any], kind: str | None) -> None:
        if kind != "DELETED":
            deliver(self, body, kind)

    _plant(Intake, "deliver", deaf)
    _plant(Resync, "_sweep", lambda *_: None)


def edge_without_evidence() -> None:
    """Each object with dependencies also calls something that it never named."""

    def inventive(body: dict[str, Any]) -> Any:
        said = translate.translate(body)
        if not isinstance(said, DeclaredObject) or not said.observations:
            return said
        first = said.observations[0]
        invented = replace(first, raw_key="invented", target=first.target._replace(name="invented"))
        return replace(said, observations=(*said.observations, invented))

    _plant(run, "translate", inventive)


def row_written_by_each_comparison() -> None:
    """Each full comparison writes a row that says what it said before."""
    compare = Resync.compare

    async def restless(self: Resync) -> None:
        await compare(self)
        async with transaction(self._engine) as conn:
            await conn.execute("UPDATE objects SET generation = generation")

    _plant(Resync, "compare", restless)


def status_written_by_each_comparison() -> None:
    """Each full comparison writes a status, which is then put right."""
    compare = Resync.compare

    async def restless(self: Resync) -> None:
        await compare(self)
        for one in [*self._objects.live.values()][:1]:
            wrong = {**one.status, "summary": {"declared": 77}}
            await self._kube.apply_dependency_status(one.namespace, one.name, one.resource_version, wrong)

    _plant(Resync, "compare", restless)


def stale_answer_unmarked() -> None:
    """Every graph passes for the newest."""
    _plant(CurrentSnapshot, "freshness", lambda _: Freshness(stale=False, age=0.0))


def acknowledged_and_not_stored() -> None:
    """Everything is said to be stored, and nothing is."""

    async def hollow(_self: GraphWriter, batch: Batch, **_: Any) -> Committed:
        return Committed(0, changed=False, stored={one.uid: 0 for one in batch.objects})

    _plant(GraphWriter, "commit", hollow)


def younger_object_wins() -> None:
    """Of two objects about one service, readers are shown what the younger one says."""
    best = nodes._best
    _plant(nodes, "_best", lambda statements: best(reversed(list(statements))))


PLANTS = {plant.__name__: plant for plant in (
    lost_deletion,
    edge_without_evidence,
    row_written_by_each_comparison,
    status_written_by_each_comparison,
    stale_answer_unmarked,
    acknowledged_and_not_stored,
    younger_object_wins,
)}  # fmt: skip

if __name__ == "__main__":
    PLANTS[sys.argv.pop(1)]()
    main()
