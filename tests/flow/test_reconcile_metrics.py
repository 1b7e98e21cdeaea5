"""What the reconciler measures of itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from flow.loop import Loop, running, until
from servicegraph.reconcile.inbox import Change
from support.manifests import manifest
from support.meters import reading
from support.teams import Team

if TYPE_CHECKING:
    from servicegraph.local.cluster import Cluster
    from servicegraph.local.kubectl import Kubectl
    from support.databases import PostgresServer

NEVER = 3600.0


def batches(result: str) -> float:
    return reading("servicegraph_reconciles_total", result=result)


async def heard_again(loop: Loop, namespace: str, name: str) -> None:
    body = await loop.kube.get_dependency(namespace, name)
    loop.inbox.put(Change(body["metadata"]["uid"], body))


async def test_a_batch_is_counted_with_its_size_its_seconds_and_how_long_its_objects_waited(
    database: str, control_plane: Cluster, kubectl: Kubectl, namespace: str
) -> None:
    counts = (
        "servicegraph_reconcile_batch_objects_count",
        "servicegraph_reconcile_batch_objects_sum",
        "servicegraph_reconcile_seconds_count",
        "servicegraph_reconcile_wait_seconds_count",
    )
    Team(kubectl, namespace).apply(manifest("a", "b"), manifest("b", "c"), manifest("c"))
    async with running(database, control_plane.operator_kubeconfig, namespace, first_retry=NEVER) as loop:
        before = [reading(name) for name in counts]
        changed, unchanged = batches("changed"), batches("unchanged")
        await loop.look()
        await loop.settled()
        assert [reading(name) for name in counts] == [
            a + b for a, b in zip(before, (1, 3, 1, 3), strict=True)
        ]
        assert (batches("changed"), batches("unchanged")) == (changed + 1, unchanged)

        await heard_again(loop, namespace, "a")
        await loop.settled()
        assert (batches("changed"), batches("unchanged")) == (changed + 1, unchanged + 1)


async def test_batches_that_the_store_refuses_and_that_a_fault_of_ours_ends_are_counted_apart(
    database: str, control_plane: Cluster, kubectl: Kubectl, namespace: str
) -> None:
    Team(kubectl, namespace).apply(manifest("good"), manifest("poison"), manifest("bug"))
    async with running(database, control_plane.operator_kubeconfig, namespace, first_retry=NEVER) as loop:
        refused, fault = batches("refused"), batches("fault")
        await loop.rows.run("ALTER TABLE services ADD CONSTRAINT no_poison CHECK (name <> 'poison')")
        await heard_again(loop, namespace, "good")
        await heard_again(loop, namespace, "poison")
        await loop.look()
        await loop.settled()
        assert batches("refused") > refused
        assert batches("fault") == fault

        loop.writer.bug_in = "bug"
        await heard_again(loop, namespace, "bug")
        await loop.settled()
        assert batches("fault") == fault + 1


async def test_a_batch_that_finds_the_store_away_is_counted_and_its_objects_have_waited_since_they_came(
    postgres_server: PostgresServer,
    database: str,
    control_plane: Cluster,
    kubectl: Kubectl,
    namespace: str,
) -> None:
    Team(kubectl, namespace).apply(manifest("a", "b"))
    async with running(database, control_plane.operator_kubeconfig, namespace, first_retry=NEVER) as loop:
        unavailable = batches("unavailable")
        name = database.rpartition("/")[2]
        await altered(postgres_server, name, "SET default_transaction_read_only = on")
        await loop.look()
        await until(lambda: batches("unavailable") >= unavailable + 2)
        waited = reading("servicegraph_reconcile_wait_seconds_sum")
        took = reading("servicegraph_reconcile_seconds_sum")
        await altered(postgres_server, name, "RESET default_transaction_read_only")
        await loop.settled()
        waited = reading("servicegraph_reconcile_wait_seconds_sum") - waited
        took = reading("servicegraph_reconcile_seconds_sum") - took
        assert waited > took, "the pauses between the attempts belong to the wait, not to the work"


async def altered(server: PostgresServer, database: str, how: str) -> None:
    """Change a setting of the database for everybody: who is connected has to come again."""
    close = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
    for statement in (f'ALTER DATABASE "{database}" {how}', close):
        await asyncio.to_thread(server.execute, statement)
