from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from servicegraph.errors import SchemaMissing, StoreUnavailable
from servicegraph.graph.columns import NEVER, NO_OBJECT
from servicegraph.ingest.batch import Batch
from servicegraph.model.vocabulary import Flag, Mode, Requirement
from servicegraph.store import columns, snapshot
from servicegraph.store.engine import transaction
from servicegraph.store.snapshot import load, read_inputs, read_mark
from support.declared import calls, declares, service
from support.graphs import GROUPS, PROTOCOLS, PROVIDERS, facts
from support.reference import Fact, merged

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.clock import SteppedClock
    from servicegraph.ingest.commit import GraphWriter
    from support.rows import Rows


async def test_an_empty_database_is_an_empty_graph_of_version_zero(engine: AsyncEngine) -> None:
    graph = await load(engine)
    assert (graph.mark.version, len(graph.nodes), len(graph.edges)) == (0, 0, 0)
    assert graph.protocols == ("",)
    assert [one.name for one in graph.providers] == ["declared"]


async def test_a_snapshot_holds_what_was_committed(
    engine: AsyncEngine, writer: GraphWriter, clock: SteppedClock
) -> None:
    source = service("checkout")
    edge = calls(
        source, "cart", mode=Mode.ASYNC, requirement=Requirement.SOFT, protocol="AMQP", accepted=True
    )
    await writer.commit(Batch([declares("checkout", edge)]))
    graph = await load(engine)
    assert [str(node.key) for node in graph.nodes] == ["shop/cart", "shop/checkout"]
    assert (graph.edges.source.tolist(), graph.edges.target.tolist()) == ([1], [0])
    seen = graph.edges.observations
    assert graph.protocols[seen.protocol[0]] == "AMQP"
    assert (seen.mode.tolist(), seen.requirement.tolist()) == ([Mode.ASYNC], [Requirement.SOFT])
    assert Flag(int(seen.flags[0])) == Flag.PRESENT | Flag.CONFIRMED | Flag.ALERTABLE | Flag.ACCEPTED
    assert seen.first_seen.tolist() == [int(clock.now().timestamp() * 1_000_000)]
    assert seen.last_seen.tolist() == [NEVER]


async def test_a_dependency_that_need_not_be_seen_is_marked(engine: AsyncEngine, writer: GraphWriter) -> None:
    source = service("checkout")
    unusual = calls(source, "backup", details={"observation": "Optional", "timeout": "3s"})
    plain = calls(source, "cart", details={"description": "Optional"})
    await writer.commit(Batch([declares("checkout", unusual, plain)]))
    graph = await load(engine)
    targets = [graph.nodes[at].key.name for at in graph.edges.target]
    marked = [Flag.OPTIONAL in Flag(int(flags)) for flags in graph.edges.flags]
    assert dict(zip(targets, marked, strict=True)) == {"backup": True, "cart": False}


async def test_each_declared_edge_knows_the_objects_that_declare_it(
    engine: AsyncEngine, writer: GraphWriter
) -> None:
    checkout = service("checkout")
    await writer.commit(
        Batch(
            [
                declares("checkout", "cart", "payment"),
                declares("extra", calls(checkout, "cart"), age=3),
            ]
        )
    )
    graph = await load(engine)
    targets = [graph.nodes[at].key.name for at in graph.edges.target]
    ranks = graph.edges.observations.rank
    said = {
        name: [str(graph.objects[rank]) for rank in ranks[graph.edges.evidence(edge)]]
        for edge, name in enumerate(targets)
    }
    assert said == {"cart": ["shop/extra", "shop/checkout"], "payment": ["shop/checkout"]}
    assert graph.objects[0] == NO_OBJECT


async def test_the_mark_says_which_graph_it_is(
    engine: AsyncEngine, writer: GraphWriter, clock: SteppedClock, rows: Rows
) -> None:
    await writer.commit(Batch([declares("checkout")]))
    mark = await read_mark(engine)
    assert mark.version == 1
    assert mark.as_of == clock.now()
    assert mark.timeline == 1
    assert mark.system == str(await rows.one("SELECT system_identifier FROM pg_control_system()"))
    assert (await load(engine)).mark == mark


async def test_what_is_missing_says_when_it_was_last_seen(
    engine: AsyncEngine, writer: GraphWriter, rows: Rows
) -> None:
    await writer.commit(Batch([declares("checkout", "cart")]))
    gone = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC)
    await rows.run("UPDATE observations SET absent_since = 12.5, last_seen = $1, stale = true", gone)
    seen = (await load(engine)).edges.observations
    assert Flag(int(seen.flags[0])) == Flag.CONFIRMED | Flag.STALE | Flag.ALERTABLE
    assert datetime.fromtimestamp(int(seen.last_seen[0]) / 1_000_000, UTC) == gone


async def test_of_two_objects_about_one_service_the_older_wins_field_by_field(
    engine: AsyncEngine, writer: GraphWriter
) -> None:
    older = declares("checkout", "cart", age=1, team="red", labels={"b": "2", "a": "1"})
    edge = calls(service("checkout"), "cart", mode=Mode.ASYNC)
    younger = replace(declares("checkout", edge, uid="younger", team="blue", technology="go"), name="zz")
    await writer.commit(Batch([younger, older]))
    graph = await load(engine)
    node = graph.nodes[graph.find("shop", "checkout")]
    assert (node.team, node.technology, node.labels) == ("red", "go", (("a", "1"), ("b", "2")))
    assert graph.edges.mode.tolist() == [Mode.SYNC]
    assert graph.edges.observations.mode.tolist() == [Mode.SYNC, Mode.ASYNC]


async def test_objects_of_one_moment_are_ordered_by_namespace_and_name(
    engine: AsyncEngine, writer: GraphWriter
) -> None:
    named = [
        replace(declares("checkout", uid=f"uid-{n}", team=name), name=name) for n, name in enumerate("caB")
    ]
    await writer.commit(Batch(named))
    (node,) = (await load(engine)).nodes
    assert node.team == "B"


async def test_declared_words_win_over_api_words_and_both_make_a_service_stated(
    engine: AsyncEngine, writer: GraphWriter, rows: Rows
) -> None:
    await writer.commit(Batch([declares("checkout", "cart", team="red")]))
    await rows.run("INSERT INTO providers (name, evidence_group) VALUES ('api:a', 'api')")
    await rows.run(
        """
        INSERT INTO statements (provider, service, team, technology, criticality)
        SELECT p.id, s.id, 'blue', 'go', 'Low' FROM providers p, services s WHERE p.name = 'api:a'
        """
    )
    cart, checkout = (await load(engine)).nodes
    assert (checkout.team, checkout.technology) == ("red", "go")
    assert (cart.team, cart.criticality, cart.stated) == ("blue", "Low", True)


async def test_a_service_that_is_only_called_is_not_stated(engine: AsyncEngine, writer: GraphWriter) -> None:
    await writer.commit(Batch([declares("checkout", "cart")]))
    assert [node.stated for node in (await load(engine)).nodes] == [False, True]


async def test_a_snapshot_is_of_one_moment(engine: AsyncEngine, writer: GraphWriter) -> None:
    await writer.commit(Batch([declares("checkout", "cart")]))
    async with transaction(engine, read_only=True) as conn:
        before = await read_inputs(conn)
        await writer.commit(Batch([declares("payment", "cart")]))
        after = await read_inputs(conn)
    assert (after.mark, after.nodes) == (before.mark, before.nodes)
    assert len(after.observations) == 1


async def test_a_large_graph_is_built_in_a_thread_and_is_the_same(
    engine: AsyncEngine, writer: GraphWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    await writer.commit(Batch([declares(f"s{n}", *(f"t{m}" for m in range(20))) for n in range(20)]))
    small = await load(engine)
    monkeypatch.setattr(snapshot, "LARGE", 0)
    large = await load(engine)
    assert large.nodes == small.nodes
    assert np.array_equal(large.edges.target, small.edges.target)


async def test_keys_that_have_grown_far_apart_are_found_all_the_same(
    engine: AsyncEngine, writer: GraphWriter, rows: Rows
) -> None:
    await rows.run("ALTER TABLE services ALTER COLUMN id RESTART WITH 2000000000")
    await writer.commit(Batch([declares("checkout", "cart"), declares("payment", "cart")]))
    edges = (await load(engine)).edges
    assert (edges.source.tolist(), edges.target.tolist()) == ([1, 2], [0, 0])


async def test_an_observation_of_a_service_that_is_not_there_is_an_error_and_no_wrong_graph(
    engine: AsyncEngine, writer: GraphWriter, rows: Rows
) -> None:
    await writer.commit(Batch([declares("checkout", "cart"), declares("payment")]))
    await rows.run("DELETE FROM services WHERE name = 'cart'")
    with pytest.raises(StoreUnavailable, match="not there"):
        await load(engine)


async def test_a_database_without_its_first_rows_says_to_migrate(engine: AsyncEngine, rows: Rows) -> None:
    await rows.run("DELETE FROM graph_meta")
    with pytest.raises(SchemaMissing, match="servicegraph migrate"):
        await read_mark(engine)


@given(st.binary(max_size=200))
def test_what_is_no_copy_of_observations_is_refused(noise: bytes) -> None:
    none = np.zeros(0, np.int32)
    with pytest.raises(StoreUnavailable, match="has sent observations"):
        columns.decoded(noise, services=none, providers=none, protocols=none, objects=none)


NAMES = [f"{n} {one.name}" for n, one in enumerate(PROVIDERS)]
"""Of the providers, so that they come in the order of their numbers."""


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seen=st.lists(facts(nodes=4), max_size=25))
async def test_the_view_for_people_the_snapshot_and_a_plain_merge_agree(
    engine: AsyncEngine, rows: Rows, seen: list[Fact]
) -> None:
    await _store(engine, seen)
    graph = await load(engine)
    expected = merged(seen, GROUPS)
    viewed = {(row["source"], row["target"]): row for row in await rows.of("SELECT * FROM edges")}
    assert len(viewed) == len(graph.edges) == len(expected)
    for at in range(len(graph.edges)):
        source, target = graph.nodes[graph.edges.source[at]].key, graph.nodes[graph.edges.target[at]].key
        row, edge = viewed[str(source), str(target)], expected[int(source.name), int(target.name)]
        assert row["confidence"] == pytest.approx(edge.confidence)
        assert graph.edges.confidence[at] == pytest.approx(edge.confidence)
        assert row["mode"] == Mode(int(graph.edges.mode[at])).word == Mode(edge.mode).word
        assert row["requirement"] == Requirement(int(graph.edges.requirement[at])).word
        assert row["requirement"] == Requirement(edge.requirement).word
        assert (
            (row["protocol"] or "") == graph.protocols[graph.edges.protocol[at]] == PROTOCOLS[edge.protocol]
        )
        assert row["providers"] == [NAMES[one] for one in sorted(edge.providers)]
        for flag in ("present", "confirmed", "stale", "quarantined", "alertable", "accepted"):
            held = Flag[flag.upper()] in Flag(int(graph.edges.flags[at]))
            assert row[flag] == held == getattr(edge, flag), flag


async def _store(engine: AsyncEngine, seen: list[Fact]) -> None:
    """Put facts into the tables by plain SQL; services are called by their numbers."""
    async with transaction(engine) as conn:
        await conn.execute("TRUNCATE services, providers, protocols, objects, observations RESTART IDENTITY")
        await conn.execute(
            """
            INSERT INTO services (cluster, namespace, name, kind, printed)
            SELECT '', 'shop', n, 'Service', 'shop/' || n FROM generate_series(0, 3) n
            """
        )
        await conn.execute(
            "INSERT INTO objects (uid, namespace, name, generation, created_at)"
            " SELECT n, 'shop', n, 1, to_timestamp(-n) FROM generate_series(0, 3) n"
        )
        await conn.execute("INSERT INTO protocols (id, name) OVERRIDING SYSTEM VALUE VALUES (0, '')")
        await conn.execute("INSERT INTO protocols (name) SELECT unnest($1::text[])", PROTOCOLS[1:])
        await conn.execute(
            "INSERT INTO providers (name, evidence_group) SELECT * FROM unnest($1::text[], $2::text[])",
            NAMES,
            GROUPS,
        )
        await conn.executemany(
            """
            INSERT INTO observations (
                raw_key, source, target, provider, object, evidence, mode, requirement, protocol,
                absent_since, confirmed, stale, quarantined, alertable, accepted, first_seen
            )
            SELECT $1, $2::int + 1, $3::int + 1, $4::int + 1, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, now()
            """,
            [
                (
                    f"{n}",
                    one.source,
                    one.target,
                    one.provider,
                    4 - one.rank if one.provider == 0 else None,
                    one.evidence,
                    one.mode,
                    one.requirement,
                    one.protocol,
                    None if one.present else 1.0,
                    one.confirmed,
                    one.stale,
                    one.quarantined,
                    one.alertable,
                    one.accepted,
                )
                for n, one in enumerate(seen)
            ],
        )
