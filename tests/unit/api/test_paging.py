"""Pages put together: whatever the filters, the length of a page and the graph that moves meanwhile."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict

from servicegraph.graph.columns import Node
from servicegraph.graph.snapshot import Snapshot, build
from servicegraph.model.ids import Kind, ServiceKey
from servicegraph_api import lists
from servicegraph_api.answers import Ask
from servicegraph_api.memory import Memory
from servicegraph_api.negotiation import JSON
from servicegraph_api.query import read
from servicegraph_api.routes import ROUTES
from support import graphs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from support.reference import Fact

COUNT = 10
NAMES = st.lists(
    st.builds(
        ServiceKey,
        st.sampled_from(["", "east"]),
        st.sampled_from(["", "infra", "shop"]),
        st.sampled_from(["a", "Ab", "abc", "bca", "ß", "b\0a"]),
        st.sampled_from([str(kind) for kind in Kind]),
    ),
    min_size=COUNT,
    max_size=COUNT,
    unique=True,
)
TEAMS = st.lists(st.sampled_from([None, "red", "blue"]), min_size=COUNT, max_size=COUNT)
STATED = st.lists(st.booleans(), min_size=COUNT, max_size=COUNT)
FACTS = st.lists(graphs.facts(nodes=COUNT), max_size=25)
DOUBTS = {"include_stale": st.sampled_from(["true", "false"]), "include_quarantined": st.just("true")}
OF_SERVICES = st.fixed_dictionaries(
    {},
    optional={
        "namespace": st.sampled_from(["-", "infra", "shop", "sho"]),
        "q": st.sampled_from(["a", "B", "bc", "ss", "\0", "a\0b", "x"]),
        "kind": st.sampled_from([str(kind) for kind in Kind]),
        "team": st.sampled_from(["red", "nobody"]),
        **DOUBTS,
    },
)
OF_EDGES = st.fixed_dictionaries(
    {},
    optional={
        "namespace": st.sampled_from(["-", "infra", "shop", "sho"]),
        "provider": st.sampled_from(["declared", "otel"]),
        "mode": st.sampled_from(["Sync", "Async"]),
        **DOUBTS,
    },
)


def graph_of(
    keys: Sequence[ServiceKey], teams: Sequence[str | None], stated: Sequence[bool], facts: Sequence[Fact]
) -> Snapshot:
    nodes = [
        Node(key, team=team, stated=is_stated)
        for key, team, is_stated in zip(keys, teams, stated, strict=True)
    ]
    return build(graphs.MARK, nodes, graphs.PROVIDERS, graphs.PROTOCOLS, graphs.columns(facts))


GRAPHS = st.builds(graph_of, NAMES, TEAMS, STATED, FACTS)


def asked(tell: Callable[[Ask], bytes], path: str, snapshot: Snapshot, parameters: dict[str, str]) -> Any:
    """The page that the list answers."""
    (route,) = (one for one in ROUTES if one.path == path)
    query = read(route.parameters, MultiDict(parameters))
    return orjson.loads(tell(Ask(snapshot, {}, query, JSON, Memory())))


def services(snapshot: Snapshot, parameters: dict[str, str]) -> Any:
    return asked(lists.services, "/api/v1/services", snapshot, parameters)


def edges(snapshot: Snapshot, parameters: dict[str, str]) -> Any:
    return asked(lists.edges, "/api/v1/edges", snapshot, parameters)


def pages(
    ask: Callable[[Snapshot, dict[str, str]], Any], graph: Sequence[Snapshot], parameters: dict[str, str]
) -> list[Any]:
    """All items, page by page; the graph of each next page is the next one, the last one stays."""
    items, turn, cursor = [], 0, None
    while True:
        at: dict[str, str] = {} if cursor is None else {"cursor": cursor}
        page = ask(graph[min(turn, len(graph) - 1)], {**parameters, **at})
        assert len(page["items"]) <= int(parameters["limit"])
        items += page["items"]
        cursor, turn = page["next_cursor"], turn + 1
        if cursor is None:
            return items


def wanted_services(snapshot: Snapshot, parameters: dict[str, str]) -> list[str]:
    """What a list of services shows, node by node."""
    shown = snapshot.shown(
        include_stale=parameters.get("include_stale") == "true",
        include_quarantined=parameters.get("include_quarantined") == "true",
    ).tolist()
    return [
        str(node.key)
        for at, node in enumerate(snapshot.nodes)
        if at in shown
        and parameters.get("namespace", node.key.namespace or "-") == (node.key.namespace or "-")
        and parameters.get("kind", node.key.kind) == node.key.kind
        and parameters.get("team", node.team) == node.team
        and parameters.get("q", "").casefold() in node.key.name.casefold()
    ]


@given(GRAPHS, OF_SERVICES, st.integers(1, 12))
def test_pages_of_services_are_the_whole_list_as_found_node_by_node(
    graph: Snapshot, parameters: dict[str, str], limit: int
) -> None:
    found = pages(services, [graph], {**parameters, "limit": str(limit)})
    assert [one["id"] for one in found] == wanted_services(graph, parameters)


@given(GRAPHS, OF_EDGES, st.integers(1, 12))
def test_pages_of_edges_are_the_whole_list(graph: Snapshot, parameters: dict[str, str], limit: int) -> None:
    whole = edges(graph, {**parameters, "limit": "1000"})["items"]
    assert pages(edges, [graph], {**parameters, "limit": str(limit)}) == whole


@given(NAMES, TEAMS, st.lists(FACTS, min_size=2, max_size=5), st.integers(1, 4))
def test_a_moving_graph_neither_repeats_nor_loses_what_was_there_all_along(
    keys: list[ServiceKey], teams: list[str | None], histories: list[list[Fact]], limit: int
) -> None:
    graph = [graph_of(keys, teams, [False] * COUNT, facts) for facts in histories]
    graph = [replace(one, mark=replace(one.mark, version=at)) for at, one in enumerate(graph)]
    for ask, identity in ((services, ("id",)), (edges, ("source", "target"))):
        found = [tuple(item[part] for part in identity) for item in pages(ask, graph, {"limit": str(limit)})]
        always = [
            {tuple(item[part] for part in identity) for item in ask(one, {"limit": "1000"})["items"]}
            for one in graph
        ]
        assert len(found) == len(set(found))
        assert set.intersection(*always) <= set(found) <= set.union(*always)
