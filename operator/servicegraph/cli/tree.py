"""A subgraph as a tree for the terminal: each service is opened once, at its nearest place, so that circles end.

Pure: from the server's JSON to something that rich prints. `cli.graph` calls it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text
from rich.tree import Tree

from servicegraph.model.observation import DECLARED_PROVIDER

if TYPE_CHECKING:
    from collections.abc import Mapping

Document = dict[str, Any]

_TITLES = {"downstream": " depends on", "upstream": " is needed by"}


def tree(document: Document) -> Tree:
    """The tree of a subgraph that was walked downstream or upstream."""
    root, direction = document["root"], document["direction"]
    near, far = ("source", "target") if direction == "downstream" else ("target", "source")
    edges: dict[str, list[tuple[str, Document]]] = {}
    for edge in document["edges"]:
        edges.setdefault(edge[near], []).append((edge[far], edge))
    title = Text.assemble((root, "bold"), (_TITLES[direction], "dim"))
    if root not in edges:
        title.append(" nothing that is known", "dim")
    trunk = Tree(title, guide_style="dim")
    distances = {node["id"]: node["distance"] for node in document["nodes"]}
    _grow(trunk, [root], edges, distances, {root})
    return trunk


def circles(document: Document) -> Text | None:
    """The line below the tree that names the alerts of the circles in it; None where there are none."""
    if not document["cycles"]:
        return None
    names = ", ".join(document["cycles"])
    return Text.assemble(("↺ ", "red"), "in a circle: ", (names, "red"), ("  (servicegraph cycles)", "dim"))


def _grow(
    branch: Tree,
    path: list[str],
    edges: Mapping[str, list[tuple[str, Document]]],
    distances: Mapping[str, int],
    shown: set[str],
) -> None:
    """Hang what the last service of `path` leads to onto `branch`; `shown` holds what stands in the tree already."""
    for other, edge in edges.get(path[-1], ()):
        is_next = distances[other] == distances[path[-1]] + 1
        if other in path:
            branch.add(_label(other, edge, "↺ a circle, back to above", "red"))
        elif other in shown:
            branch.add(_label(other, edge, "…already shown above", "dim"))
        elif is_next:
            shown.add(other)
            _grow(branch.add(_label(other, edge)), [*path, other], edges, distances, shown)
        else:
            branch.add(_label(other, edge, "…shown below", "dim"))


def _label(service: str, edge: Document, remark: str = "", style: str = "") -> Text:
    text = Text.assemble((service, "red" if edge["in_cycle"] else "cyan"))
    facts = " · ".join(_facts(edge))
    if facts:
        text.append(f"  {facts}")
    if edge["in_cycle"] and not remark:
        remark, style = "↺", "red"
    if remark:
        text.append(f"  {remark}", style)
    return text


def _facts(edge: Document) -> list[str]:
    """What is worth saying about an edge: what it speaks, how much it matters, and doubts about it."""
    facts = [edge["protocol"], edge["requirement"], "Async" if edge["mode"] == "Async" else None]
    providers = [provider["name"] for provider in edge["providers"]]
    if DECLARED_PROVIDER not in providers:
        origin = "api" if any(name.startswith("api:") for name in providers) else "discovered"
        facts.append(f"{origin}, confidence {edge['confidence']:.2f}")
    if edge["stale"]:
        facts.append("stale")
    return [fact for fact in facts if fact]
