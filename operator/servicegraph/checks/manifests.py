"""Texts of manifests, taken apart: the objects of ours in them, what each proposes, and what is wrong with it by itself.

Lists are unfolded, objects of other groups passed over. Every manifest keeps where it stands, so that a finding can be told by
file and line. Pure: who reads the files (`cli.check`) or the request (`POST /check`) hands in the texts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from servicegraph.checks.documents import Document, documents
from servicegraph.checks.finding import Code, Finding, cut
from servicegraph.checks.proposal import Proposal, is_ours, read
from servicegraph.graph.columns import ObjectName

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_REPEATED = 20
"""Repeated keys that are told of one manifest."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object of ours, and where it stands."""

    body: Mapping[str, Any]
    file: str
    document: Document | None
    """None where it was no text."""
    prefix: str = ""
    """How paths in the document begin: `items[3].` in a list."""

    def line_of(self, path: str) -> int | None:
        """The line of a field, or of the nearest that there is above it."""
        return None if self.document is None else self.document.line_of(self.prefix + path)


@dataclass(slots=True)
class Reading:
    """All manifests that are looked at together; add to it text by text."""

    namespace: str = "default"
    """Where an object is applied that names no namespace."""
    manifests: list[Manifest] = field(default_factory=list)
    proposals: list[Proposal] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    """What is wrong with manifests by themselves."""
    lines: dict[Finding, int] = field(default_factory=dict)
    """Lines of findings that stand at no field."""

    def add_text(self, text: str, file: str = "") -> None:
        """Take in a text.

        Raises:
            NotParsed: it cannot be parsed; the documents before that are taken in.
        """
        for document in documents(text):
            begin = len(self.manifests)
            for body, prefix in unfold(document.body):
                self.add(Manifest(body, file, document, prefix))
            if len(self.manifests) > begin:
                self._add_repeated(document, begin)

    def add(self, manifest: Manifest) -> None:
        """Take in one object."""
        said = read(manifest.body, self.namespace, len(self.manifests))
        self.manifests.append(manifest)
        if isinstance(said, Proposal):
            self.proposals.append(said)
        else:
            self.findings += said

    def line_of(self, finding: Finding) -> int | None:
        """Where a finding stands in the text of its manifest."""
        return self.lines.get(finding) or self.manifests[finding.manifest].line_of(finding.field)

    def _add_repeated(self, document: Document, manifest: int) -> None:
        """Tell of the keys that come twice; of a list they are its first object's."""
        body = self.manifests[manifest].body
        meta = body.get("metadata")
        given = meta if isinstance(meta, dict) else {}
        name = ObjectName(*(cut(str(given.get(part) or ""), 253) for part in ("namespace", "name")))
        for key, line in document.repeated[:_REPEATED]:
            words = cut(
                f"the key {cut(key, 60)} comes twice in one map (line {line}); kubectl keeps the last"
            )
            found = Finding(Code.REPEATED_KEY, Code.REPEATED_KEY.explanation.severity, words, name, manifest)
            self.findings.append(found)
            self.lines[found] = line


def unfold(body: Any, prefix: str = "") -> Iterator[tuple[Mapping[str, Any], str]]:
    """The objects of ours in a document, each with how paths to it begin."""
    if not isinstance(body, dict):
        return
    kind, items = body.get("kind"), body.get("items")
    if isinstance(kind, str) and kind.endswith("List") and isinstance(items, list):
        for number, item in enumerate(items):
            yield from unfold(item, f"{prefix}items[{number}].")
    elif is_ours(body):
        yield body, prefix
