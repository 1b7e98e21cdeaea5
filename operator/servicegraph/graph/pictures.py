"""A subgraph as a picture: Mermaid for pages and pull requests, DOT for Graphviz.

Both are made from one small value, `Picture`, so that they say the same. Names are other people's text: whatever they contain,
the output stays valid and shows them as they are. Kinds have shapes, asynchronous calls are dashed, stale ones dotted. The
HTTP server draws answers with it, `servicegraph check` what manifests would change.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from servicegraph.model.ids import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Box:
    """A service."""

    label: str
    kind: str


@dataclass(frozen=True, slots=True)
class Arrow:
    """A call from one box to another, by their places in the picture."""

    source: int
    target: int
    label: str = ""
    dashed: bool = False
    """Asynchronous."""
    dotted: bool = False
    """Stale."""
    red: bool = False
    """Part of a circle."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What is drawn; the first box is the one that was asked about."""

    nodes: tuple[Box, ...]
    edges: tuple[Arrow, ...]
    notes: tuple[str, ...] = ()


def mermaid(picture: Picture) -> str:
    """The picture as a Mermaid flowchart."""
    return "\n".join(["flowchart LR", *_mermaid(picture)]) + "\n"


def dot(picture: Picture) -> str:
    """The picture as a Graphviz digraph."""
    return "\n".join(["digraph servicegraph {", *(f"  {line}" for line in _dot(picture)), "}"]) + "\n"


_MERMAID_SHAPE = {Kind.DATASTORE: ("[(", ")]"), Kind.QUEUE: ("[[", "]]"), Kind.EXTERNAL: ("([", "])")}
_DOT_SHAPE = {Kind.DATASTORE: "cylinder", Kind.QUEUE: "cds", Kind.EXTERNAL: "oval"}

_MERMAID_ODD = re.compile(r"[^\w ./:@%,=-]")
"""What is written as an entity, as it could mean something to Mermaid."""


def _mermaid(picture: Picture) -> Iterator[str]:
    for number, box in enumerate(picture.nodes):
        left, right = _MERMAID_SHAPE.get(Kind(box.kind), ("[", "]"))
        yield f"  n{number}{left}{_mermaid_text(box.label)}{right}"
    for number, note in enumerate(picture.notes):
        yield f"  note{number}[/{_mermaid_text(note)}/]"
    for arrow in picture.edges:
        label = f"|{_mermaid_text(arrow.label)}|" if arrow.label else ""
        yield f"  n{arrow.source} {'-.->' if arrow.dashed else '-->'}{label} n{arrow.target}"
    yield "  style n0 stroke-width:3px"
    for number, arrow in enumerate(picture.edges):
        styles = ["stroke-dasharray:1 4"] * arrow.dotted + ["stroke:red"] * arrow.red
        if styles:
            yield f"  linkStyle {number} {','.join(styles)}"


def _mermaid_text(text: str) -> str:
    return '"' + _MERMAID_ODD.sub(lambda odd: f"#{ord(odd[0])};", text) + '"'


def _dot(picture: Picture) -> Iterator[str]:
    yield "rankdir=LR;"
    yield "node [shape=box];"
    for number, box in enumerate(picture.nodes):
        shape = _DOT_SHAPE.get(Kind(box.kind))
        looks = (
            [f"label={_dot_text(box.label)}"]
            + [f"shape={shape}"] * bool(shape)
            + ["penwidth=3"] * (number == 0)
        )
        yield f"n{number} [{', '.join(looks)}];"
    for number, note in enumerate(picture.notes):
        yield f"note{number} [label={_dot_text(note)}, shape=note];"
    for arrow in picture.edges:
        looks = [f"label={_dot_text(arrow.label)}"] * bool(arrow.label)
        looks += ["style=dotted"] if arrow.dotted else ["style=dashed"] * arrow.dashed
        looks += ["color=red"] * arrow.red
        yield f"n{arrow.source} -> n{arrow.target}" + (f" [{', '.join(looks)}];" if looks else ";")


def _dot_text(text: str) -> str:
    """A quoted label; Graphviz reads backslashes and HTML entities in it."""
    escaped = text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\n", "\\n").replace("\r", "\\r") + '"'
