"""What kubectl prints when somebody applies a ServiceDependency: the findings about it, as few short lines.

Pure. The HTTP server (`servicegraph_api.admission`) asks for every object that the API server is about to store. Errors that
the API server finds by itself never come here; notes are not worth a line in everybody's terminal, so that a whole new
application, whose services cannot know each other yet, is applied without a word.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from servicegraph.checks.changes import BESIDE, findings
from servicegraph.checks.finding import MAX_MESSAGE, Severity, cut
from servicegraph.checks.proposal import Proposal, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from servicegraph.checks.finding import Finding
    from servicegraph.graph.snapshot import Snapshot

MOST_WARNINGS = 5
"""Lines for one object at most, the last one counting what is left out."""


def proposed(body: Mapping[str, Any], namespace: str) -> Proposal | list[Finding]:
    """What an object that is about to be stored proposes, or what the operator will refuse it for.

    Of its metadata only the name counts: the rest was the API server's to check.
    """
    meta = body.get("metadata")
    name = meta.get("name") if isinstance(meta, dict) else None
    kept = {field: body[field] for field in ("apiVersion", "kind", "spec") if field in body}
    return read({**kept, "metadata": {"name": name, "namespace": namespace}}, namespace)


def warnings(
    snapshot: Snapshot, said: Proposal | list[Finding], beside: Iterable[Proposal], now: datetime
) -> list[str]:
    """The lines about one object, each of at most `MAX_MESSAGE` characters, the worst first.

    Args:
        snapshot: the graph before.
        said: what the object proposes, or the errors in it.
        beside: what others proposed just now, which the graph may not know yet; nothing is said about them.
        now: when it happens.
    """
    if not isinstance(said, Proposal):
        return _lines(said)
    others = [replace(one, manifest=BESIDE) for one in beside if one.object != said.object]
    # The object itself comes first: a circle is told by who has the first new edge of it.
    return _lines(findings(snapshot, [said, *others], now=now))


def _lines(found: Iterable[Finding]) -> list[str]:
    """The findings that are worth a line."""
    worth = sorted(
        (one for one in found if one.severity >= Severity.WARNING), key=lambda one: -one.severity.value
    )
    lines = list(dict.fromkeys(_line(one) for one in worth))
    if len(lines) <= MOST_WARNINGS:
        return lines
    left = Counter(line.split()[0] for line in lines[MOST_WARNINGS - 1 :])
    codes = ", ".join(f"{code} ({number})" for code, number in sorted(left.items()))
    return [*lines[: MOST_WARNINGS - 1], cut(f"and {codes}; `servicegraph check` tells them all")]


def _line(one: Finding) -> str:
    code = f"{one.code.value} "
    return code + cut(one.message, MAX_MESSAGE - len(code))
