"""Three implementations that share no code give the same subgraphs: a recursive query, the snapshot, and plain Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oracle import twin
from servicegraph.graph.filters import EdgeFilter
from servicegraph.graph.traverse import Direction, subgraph
from servicegraph.model.vocabulary import Mode, Requirement
from servicegraph.store.engine import open_engine, transaction
from servicegraph.store.snapshot import load
from support import stored
from support.graphs import GROUPS, facts, service, wishes
from support.reference import Fact, Wish, merged, within

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncEngine

    from servicegraph.graph.snapshot import Snapshot

NODES = 8
DIRECTIONS = [direction.value for direction in Direction]

questions = st.tuples(
    st.integers(0, NODES - 1), st.sampled_from(DIRECTIONS), st.integers(1, 5) | st.just(50), wishes
)
Question = tuple[int, str, int, Wish]


@pytest.fixture
async def engine(database: str) -> AsyncIterator[AsyncEngine]:
    """A pool of connections to a fresh, migrated database."""
    engine = open_engine(database, pool_size=2)
    yield engine
    await engine.dispose()


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seen=st.lists(facts(NODES), max_size=30), asked=st.lists(questions, min_size=4, max_size=8))
async def test_the_query_the_snapshot_and_plain_python_find_the_same_subgraph(
    engine: AsyncEngine, seen: list[Fact], asked: list[Question]
) -> None:
    await _agree(engine, seen, asked)


@pytest.mark.parametrize("direction", DIRECTIONS)
async def test_a_complete_graph_is_walked_to_the_last_hop_without_following_every_path(
    engine: AsyncEngine, direction: str
) -> None:
    # 40 nodes that all call each other have more paths of 50 hops than there are atoms: followed, they would never end.
    everyone = range(40)
    complete = [Fact(one, other) for one in everyone for other in everyone if one != other]
    await _agree(engine, complete, [(0, direction, 50, Wish())], nodes=40)


async def _agree(engine: AsyncEngine, seen: list[Fact], asked: list[Question], nodes: int = NODES) -> None:
    async with transaction(engine) as conn:
        await stored.store(conn, seen, nodes)
    graph = await load(engine)
    edges = merged(seen, GROUPS)
    async with transaction(engine, read_only=True) as conn:
        for question in asked:
            root, direction, depth, wish = question
            by_query = await twin.subgraph(conn, _for_the_twin(question))
            plain_nodes, plain_edges = within(edges, root, direction, depth, wish)
            plain = twin.Subgraph(
                {str(service(node)): hops for node, hops in plain_nodes.items()},
                {(str(service(source)), str(service(target))) for source, target in plain_edges},
            )
            assert by_query == plain, question
            assert _from_the_snapshot(graph, question) == plain, question


def _for_the_twin(question: Question) -> twin.Question:
    root, direction, depth, wish = question
    return twin.Question(
        root=str(service(root)),
        direction=direction,
        depth=depth,
        include_stale=wish.include_stale,
        include_quarantined=wish.include_quarantined,
        min_confidence=wish.min_confidence,
        provider=None if wish.provider is None else stored.NAMES[wish.provider],
        mode=Mode(wish.mode or 0).word,
        requirement=Requirement(wish.requirement or 0).word,
    )


def _from_the_snapshot(graph: Snapshot, question: Question) -> twin.Subgraph:
    root, direction, depth, wish = question
    found = subgraph(
        graph,
        root,
        Direction(direction),
        depth,
        EdgeFilter(
            include_stale=wish.include_stale,
            include_quarantined=wish.include_quarantined,
            min_confidence=wish.min_confidence,
            provider=None if wish.provider is None else stored.NAMES[wish.provider],
            mode=None if wish.mode is None else Mode(wish.mode),
            requirement=None if wish.requirement is None else Requirement(wish.requirement),
        ),
    )
    names = [str(node.key) for node in graph.nodes]
    return twin.Subgraph(
        {names[node]: int(hops) for node, hops in zip(found.nodes, found.distance, strict=True)},
        {(names[graph.edges.source[edge]], names[graph.edges.target[edge]]) for edge in found.edges},
    )
