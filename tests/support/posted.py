"""Records as they are sent over HTTP, and submissions of them."""

from __future__ import annotations

from typing import Any

from servicegraph.model.apirecord import Understood, understood
from servicegraph.model.submission import Intent, Submission, provider_of

SHOP = "shop"


def named(text: str) -> str:
    """The id that `text` is short for: a name alone lies in the namespace of the shop."""
    return text if "/" in text else f"{SHOP}/{text}"


def edge(arrow: str, **said: Any) -> dict[str, Any]:
    """A record of the edge `a>b`."""
    source, target = arrow.split(">")
    return {"source": named(source), "target": named(target), **said}


def about(name: str, **said: Any) -> dict[str, Any]:
    """A record about a service of the shop."""
    return {"namespace": SHOP, "name": name, **said}


def body(*records: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """A body of these records."""
    return {
        "services": [one for one in records if "source" not in one],
        "dependencies": [one for one in records if "source" in one],
    }


def submits(
    *records: dict[str, Any], intent: Intent = Intent.MERGE, key: str = "ci", most: float = 1.0
) -> Submission:
    """A submission of good records."""
    said = understood(body(*records))
    assert isinstance(said, Understood), said
    return Submission(provider_of(key), intent, said.statements, said.observations, most)
