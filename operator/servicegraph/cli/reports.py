"""What `servicegraph check` has found, as text: for people, for GitHub's annotations, as a picture.

Pure: from the document of `checks.answer` to text. SARIF has a module of its own, `cli.sarif`.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from servicegraph.graph.pictures import Arrow, Box, Picture, mermaid
from servicegraph.model.ids import parse_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    Item = dict[str, Any]

SEVERITIES = ("error", "warning", "note")
_GITHUB = {"error": "error", "warning": "warning", "note": "notice"}
_NAMED = 5
_NEW = "new"


def human(document: Item) -> str:
    """A line for each finding as compilers write them, then what would change in the graph, then the numbers."""
    return "".join(f"{line}\n" for line in _human(document))


def github(document: Item) -> str:
    """Workflow commands, which GitHub shows beside the lines of a pull request."""
    lines = []
    for one in document["findings"]:
        place = {"file": one["file"], "line": one["line"], "title": f"{one['code']} {one['title']}"}
        said = ",".join(f"{key}={_escaped(str(value), ':,')}" for key, value in place.items() if value)
        lines.append(f"::{_GITHUB[one['severity']]} {said}::{_escaped(one['message'])}\n")
    return "".join(lines)


def picture(document: Item) -> str:
    """A Mermaid flowchart of the edges that are new; the circles that they close are red, with the old edges in them."""
    red = {ends for circle in document["circles"] for ends in pairwise(circle["path"])}
    new = [(one["source"], one["target"]) for one in document["edges"]["added"]]
    edges = list(dict.fromkeys([*new, *sorted(red)]))
    ids = list(dict.fromkeys(end for edge in edges for end in edge))
    if not ids:
        return "flowchart LR\n"
    place = {name: number for number, name in enumerate(ids)}
    fresh = set(new) if document.get("graph_version") is not None else set()
    return mermaid(
        Picture(
            nodes=tuple(Box(name, parse_id(name).kind) for name in ids),
            edges=tuple(
                Arrow(
                    place[source],
                    place[target],
                    label=_NEW if (source, target) in fresh else "",
                    red=(source, target) in red,
                )
                for source, target in edges
            ),
        )
    )


def _human(document: Item) -> Iterator[str]:
    for one in document["findings"]:
        where = one["file"] + (f":{one['line']}" if one["line"] else "")
        yield f"{where}: {one['severity']} {one['code']}: {one['message']}"
        for other in one["related"]:
            if other["file"]:
                yield f"  with {other['file']}:{other['line']}: {other['field']}"
    if document.get("graph_version") is not None:
        yield from _changes(document)
    count = Counter(one["severity"] for one in document["findings"])
    found = ", ".join(_number(count[name], name) for name in SEVERITIES if count[name])
    yield f"{_number(document['manifests'], 'manifest')}: {found or 'nothing found'}"


def _changes(document: Item) -> Iterator[str]:
    """What would change in the graph of the server."""
    edges, affected = document["edges"], document["affected"]
    yield (
        f"against version {document['graph_version']} of the graph: {_number(len(edges['added']), 'new edge')},"
        f" {len(edges['removed'])} gone"
    )
    if affected["count"]:
        names = [one["id"] for one in affected["services"][:_NAMED]]
        more = f" and {affected['count'] - len(names)} more" if affected["count"] > len(names) else ""
        yield f"depending on what changes: {', '.join(names)}{more}"


def _number(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _escaped(text: str, further: str = "") -> str:
    """The text as a workflow command takes it."""
    for character in "%\r\n" + further:
        text = text.replace(character, f"%{ord(character):02X}")
    return text
