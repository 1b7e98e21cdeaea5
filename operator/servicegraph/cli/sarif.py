"""What `servicegraph check` has found, as SARIF 2.1.0: the format that code hosts and editors show beside the lines.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html. Pure: from the document of `checks.answer` to a log.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from servicegraph import __version__
from servicegraph.checks.finding import Code

if TYPE_CHECKING:
    from collections.abc import Sequence

    Item = dict[str, Any]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_CODES = list(Code)


def log(document: Item, unreadable: Sequence[str]) -> Item:
    """The log of one run.

    Args:
        document: what was found.
        unreadable: what could not be read or parsed, a sentence each.
    """
    notes = [{"level": "error", "message": {"text": sentence}} for sentence in unreadable]
    run = {
        "tool": {"driver": _driver()},
        "invocations": [{"executionSuccessful": not unreadable, "toolExecutionNotifications": notes}],
        "columnKind": "unicodeCodePoints",
        "results": [_result(one) for one in document["findings"]],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _driver() -> Item:
    return {"name": "servicegraph", "semanticVersion": __version__, "rules": [_rule(code) for code in _CODES]}


def _rule(code: Code) -> Item:
    """One code; its help is the whole page section, so that nobody has to look for it."""
    said = code.explanation
    text = f"{said.means}\n\n{said.mend}"
    return {
        "id": code.value,
        "name": "".join(word.capitalize() for word in code.name.split("_")),
        "shortDescription": {"text": said.title},
        "fullDescription": {"text": said.means},
        "help": {"text": text, "markdown": text},
        "defaultConfiguration": {"level": said.severity.word},
    }


def _result(one: Item) -> Item:
    code = Code(one["code"])
    result = {
        "ruleId": code.value,
        "ruleIndex": _CODES.index(code),
        "level": one["severity"],
        "message": {"text": one["message"]},
        "partialFingerprints": {"servicegraph/v1": _fingerprint(one)},
        "properties": {"object": one["object"], "field": one["field"], "path": one["path"]},
    }
    if one["file"]:
        result["locations"] = [_location(one)]
    related = [
        {**_location(other), "message": {"text": other["field"]}} for other in one["related"] if other["file"]
    ]
    if related:
        result["relatedLocations"] = related
    return result


def _location(place: Item) -> Item:
    region = {"region": {"startLine": place["line"]}} if place["line"] else {}
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(place["file"])}, **region}}


def _uri(file: str) -> str:
    """Relative where the file was named so, so that a code host finds it in its repository."""
    path = Path(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())


def _fingerprint(one: Item) -> str:
    """What stays the same while lines move: which object, and what of it."""
    parts = (one["code"], one["object"]["namespace"], one["object"]["name"], one["message"])
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
