"""One object that cannot be stored keeps no other one waiting, says what is wrong, and gets well by itself when it can."""

from __future__ import annotations

from math import ceil, log2
from typing import TYPE_CHECKING, Any

import pytest

from flow.loop import running, until
from servicegraph.model.translate import translate
from servicegraph.writeback.standing import Stalled, Stored, Waiting
from support.manifests import manifest
from support.teams import Team

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servicegraph.local.cluster import Cluster
    from servicegraph.local.kubectl import Kubectl
    from servicegraph.model.observation import DeclaredObject, StalledObject

NEVER = 3600.0
AT_ONCE = 0.01

REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {when} THEN RAISE EXCEPTION 'the database will not have it' USING ERRCODE = '{state}'; END IF;
    RETURN COALESCE(NEW, OLD);
END $$;
CREATE TRIGGER refuse BEFORE {event} FOR EACH ROW EXECUTE FUNCTION refuse();
"""
MEND = "DROP FUNCTION refuse CASCADE"


async def test_one_bad_object_among_a_hundred_stalls_alone_after_logarithmically_many_commits(
    database: str, control_plane: Cluster, kubectl: Kubectl, namespace: str
) -> None:
    names = [f"good-{n:02}" for n in range(100)]
    team = Team(kubectl, namespace)
    team.apply(*(manifest(name, "hub") for name in names), manifest("poison", "hub"))
    async with running(database, control_plane.operator_kubeconfig, namespace, first_retry=NEVER) as loop:
        await loop.rows.run("ALTER TABLE services ADD CONSTRAINT no_poison CHECK (name <> 'poison')")
        await loop.look()
        await loop.settled()

        ready = await loop.conditions("Ready")
        assert {name for name, one in ready.items() if one["status"] == "True"} == set(names)
        (stalled,) = (await loop.conditions("Stalled")).items()
        assert stalled[0] == "poison"
        assert stalled[1]["reason"] == "RefusedByStore"
        assert "no_poison" in stalled[1]["message"]
        assert loop.edges() == {(name, "hub") for name in names}
        assert loop.writer.attempts[0] == len(names) + 1, "all came in one batch"
        assert len(loop.writer.attempts) <= 2 * ceil(log2(len(names) + 1)) + 2


async def test_what_postgres_refuses_is_tried_again_and_gets_well_by_itself(
    database: str, control_plane: Cluster, kubectl: Kubectl, namespace: str
) -> None:
    team = Team(kubectl, namespace)
    team.apply(manifest("a", "b"), manifest("poison", "b"))
    uid = team.get("poison")["metadata"]["uid"]
    async with running(database, control_plane.operator_kubeconfig, namespace, first_retry=AT_ONCE) as loop:
        await loop.rows.run(
            REFUSE.format(event="INSERT ON objects", when="NEW.name = 'poison'", state="P0001")
        )
        await loop.look()
        await until(lambda: isinstance(loop.objects.standing.get(uid), Stalled))
        tried = len(loop.writer.attempts)
        await until(lambda: len(loop.writer.attempts) >= tried + 4)
        await loop.settled()
        stalled = await loop.conditions("Stalled")
        assert {name: one["reason"] for name, one in stalled.items()} == {"poison": "RefusedByStore"}
        assert "the database will not have it" in stalled["poison"]["message"]

        await loop.rows.run(MEND)
        await until(lambda: isinstance(loop.objects.standing.get(uid), Stored))
        await loop.settled()
        assert await loop.conditions("Stalled") == {}
        assert loop.edges() == {("a", "b"), ("poison", "b")}


async def test_a_removal_that_postgres_refuses_is_tried_again_and_holds_up_no_other(
    database: str, control_plane: Cluster, kubectl: Kubectl, namespace: str
) -> None:
    team = Team(kubectl, namespace)
    team.apply(manifest("goes", "b"), manifest("clings", "b"))
    async with running(database, control_plane.operator_kubeconfig, namespace, first_retry=AT_ONCE) as loop:
        await loop.look()
        await loop.settled()
        await loop.rows.run(
            REFUSE.format(event="DELETE ON objects", when="OLD.name = 'clings'", state="P0001")
        )
        for name in ("clings", "goes"):
            body = team.get(name)
            team.delete(name)
            loop.intake.deliver(body, "DELETED")
        await until(lambda: loop.edges() == {("clings", "b")})

        await loop.rows.run(MEND)
        await until(lambda: loop.edges() == set())


@pytest.mark.parametrize(
    "state",
    [
        "42501",  # no privilege
        "53100",  # the disk is full
        "42601",  # our SQL is wrong
        "ZZ999",  # nobody knows
    ],
)
async def test_what_is_wrong_with_the_whole_database_stalls_no_object(
    state: str, database: str, control_plane: Cluster, kubectl: Kubectl, namespace: str
) -> None:
    team = Team(kubectl, namespace)
    team.apply(*(manifest(name, "hub") for name in "abc"))
    async with running(database, control_plane.operator_kubeconfig, namespace, first_retry=NEVER) as loop:
        await loop.rows.run(REFUSE.format(event="INSERT ON objects", when="true", state=state))
        await loop.look()
        await until(lambda: len(loop.writer.attempts) >= 3)
        assert "the database will not have it" in loop.health.degraded()["reconcile"]
        assert await loop.conditions("Stalled") == {}

        await loop.rows.run(MEND)
        await until(lambda: loop.edges() == {(name, "hub") for name in "abc"})
        assert set(loop.writer.attempts) == {3}, "the batch was never split"
        await until(lambda: loop.health.degraded() == {})


async def test_while_the_database_is_unwell_all_that_waits_says_so_and_not_only_the_batch_at_hand(
    database: str, control_plane: Cluster, kubectl: Kubectl, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("servicegraph.reconcile.inbox.BATCH_OBJECTS", 2)
    monkeypatch.setattr("servicegraph.reconcile.run.PATIENCE_SECONDS", 0.0)
    team = Team(kubectl, namespace)
    team.apply(*(manifest(name, "hub") for name in "abcde"))
    async with running(database, control_plane.operator_kubeconfig, namespace, first_retry=NEVER) as loop:
        await loop.rows.run(REFUSE.format(event="INSERT ON objects", when="true", state="53100"))
        await loop.look()
        standing = loop.objects.standing
        await until(lambda: [type(one) for one in standing.values()] == 5 * [Waiting])

        await loop.rows.run(MEND)
        await until(lambda: [type(one) for one in standing.values()] == 5 * [Stored])


@pytest.mark.parametrize("step", ["translate", "commit"])
async def test_a_fault_of_our_own_that_one_object_brings_out_stalls_that_one_alone(
    step: str,
    database: str,
    control_plane: Cluster,
    kubectl: Kubectl,
    namespace: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    team = Team(kubectl, namespace)
    team.apply(*(manifest(name, "hub") for name in ("a", "poison", "b")))
    async with running(database, control_plane.operator_kubeconfig, namespace, first_retry=NEVER) as loop:
        if step == "translate":
            monkeypatch.setattr("servicegraph.reconcile.run.translate", _translate_with_a_bug)
        else:
            loop.writer.bug_in = "poison"
        await loop.look()
        await loop.settled()
        stalled = await loop.conditions("Stalled")
        assert {name: one["reason"] for name, one in stalled.items()} == {"poison": "InternalError"}
        assert stalled["poison"]["message"] == (
            "servicegraph failed on this object: ZeroDivisionError: a mistake of ours"
        )
        assert loop.edges() == {("a", "hub"), ("b", "hub")}


async def test_a_body_that_defies_even_being_refused_does_not_end_the_loop_and_is_read_anew(
    database: str, control_plane: Cluster, kubectl: Kubectl, namespace: str
) -> None:
    team = Team(kubectl, namespace)
    team.apply(manifest("a", "hub"), manifest("odd", "hub"))
    good, odd = team.get("a"), team.get("odd")
    del odd["metadata"]["creationTimestamp"]
    async with running(database, control_plane.operator_kubeconfig, namespace, first_retry=AT_ONCE) as loop:
        loop.intake.deliver(odd, "ADDED")
        loop.intake.deliver(good, "ADDED")
        await until(lambda: loop.edges() == {("a", "hub"), ("odd", "hub")})


def _translate_with_a_bug(body: Mapping[str, Any]) -> DeclaredObject | StalledObject:
    if body["metadata"]["name"] == "poison":
        raise ZeroDivisionError("a mistake of ours")
    return translate(body)
