"""The tree of a subgraph: every service is opened once, every edge is shown once, circles end."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from servicegraph.cli.tree import Document, tree

_pairs = st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=25)


def document(pairs: set[tuple[int, int]], direction: str = "downstream") -> Document:
    """What the server answers about service 0, by a walk of its own."""
    walked = pairs if direction == "downstream" else {(target, source) for source, target in pairs}
    distances, level = {0: 0}, {0}
    while level:
        level = {far for near, far in walked if near in level and far not in distances}
        distances.update(dict.fromkeys(level, max(distances.values()) + 1))
    return {
        "root": "a/0",
        "direction": direction,
        "nodes": [{"id": f"a/{node}", "distance": hops} for node, hops in distances.items()],
        "edges": [
            _edge(source, target) for source, target in sorted(pairs) if {source, target} <= distances.keys()
        ],
    }


def _edge(source: int, target: int, **facts: Any) -> Document:
    return {
        "source": f"a/{source}",
        "target": f"a/{target}",
        "protocol": None,
        "mode": "Sync",
        "requirement": None,
        "confidence": 0.95,
        "providers": [{"name": "declared"}],
        "stale": False,
        "in_cycle": False,
        **facts,
    }


def _lines(branch: Any, above: str) -> list[tuple[str, str, str]]:
    """(parent, service, remark) for each line below the title."""
    lines = []
    for child in branch.children:
        assert isinstance(child.label, Text)
        service, _, remark = child.label.plain.partition("  ")
        lines += [(above, service, remark), *_lines(child, service)]
    return lines


@given(_pairs, st.sampled_from(["downstream", "upstream"]))
def test_every_edge_is_a_line_and_every_service_is_opened_once(
    pairs: set[tuple[int, int]], direction: str
) -> None:
    answer = document(pairs, direction)
    lines = _lines(tree(answer), "a/0")
    near, far = ("source", "target") if direction == "downstream" else ("target", "source")
    assert Counter((above, service) for above, service, _ in lines) == Counter(
        (edge[near], edge[far]) for edge in answer["edges"]
    )
    opened = Counter(service for _, service, remark in lines if not remark)
    assert opened == Counter(node["id"] for node in answer["nodes"] if node["distance"] > 0)


@given(_pairs)
def test_what_a_remark_says_is_so(pairs: set[tuple[int, int]]) -> None:
    lines = _lines(tree(document(pairs)), "a/0")
    for place, (_, service, remark) in enumerate(lines):
        shown = {"a/0"} | {other for _, other, said in lines[:place] if not said}
        if remark:
            assert (service in shown) == ("above" in remark), (service, remark)


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        ({"protocol": "gRPC", "requirement": "Hard"}, "a/1  gRPC · Hard"),
        ({"mode": "Async", "requirement": "Soft"}, "a/1  Soft · Async"),
        ({"mode": None}, "a/1"),
        (
            {"providers": [{"name": "otel"}], "confidence": 0.425, "stale": True},
            "a/1  discovered, confidence 0.42 · stale",
        ),
        (
            {"providers": [{"name": "api:ci"}, {"name": "otel"}], "confidence": 0.9},
            "a/1  api, confidence 0.90",
        ),
        ({"providers": [{"name": "declared"}, {"name": "otel"}]}, "a/1"),
    ],
)
def test_a_line_says_what_is_worth_knowing_about_a_call(facts: dict[str, Any], line: str) -> None:
    answer = document({(0, 1)})
    answer["edges"] = [_edge(0, 1, **facts)]
    (branch,) = tree(answer).children
    assert isinstance(branch.label, Text)
    assert branch.label.plain == line
