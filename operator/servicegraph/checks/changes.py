"""What is to be said about a change before it lands: the manifests that are added or replaced, held against a graph.

The one entry for all who warn: admission, `servicegraph check`, `POST /check`. Pure: a snapshot and proposals in, findings
out; the cost of a change of few objects hardly grows with the graph. What is wrong with a manifest by itself was found before,
in `checks.proposal`. Circles are sought by `graph.foreseen`; what is promised about services is weighed in `checks.promises`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from servicegraph.checks.conflicting import differing
from servicegraph.checks.finding import MAX_MESSAGE, Code, Finding, Severity, cut
from servicegraph.checks.promises import Promises
from servicegraph.checks.reach import affected
from servicegraph.checks.strangers import Strangers
from servicegraph.graph.foreseen import foresee
from servicegraph.graph.overlay import Claim, Overlay
from servicegraph.graph.telling import path_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

    from servicegraph.checks.proposal import Proposal
    from servicegraph.checks.reach import Affected
    from servicegraph.graph.columns import ObjectName
    from servicegraph.graph.foreseen import Foreseen
    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.model.ids import ServiceKey

    Ends = tuple[ServiceKey, ServiceKey]

BESIDE = -1
"""The manifest number of an object that is laid over the graph as well, and of which nothing is said."""

_STEPS = 6
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Assessment:
    """Everything that a change does to a graph."""

    findings: list[Finding]
    """By manifest, and by field within it."""
    added: list[Ends]
    """Edges that nobody has spoken of before."""
    removed: list[Ends]
    """Edges that nobody speaks of any more."""
    circles: list[Foreseen]
    """The circles that it closes or grows."""
    affected: Affected
    """Who depends on what changes."""


def findings(
    snapshot: Snapshot, added: Sequence[Proposal], removed: Collection[ObjectName] = (), *, now: datetime
) -> list[Finding]:
    """What is to be said about a change; what `assess` finds, without the rest.

    Args:
        snapshot: the graph before it.
        added: objects that are created, or replaced where the graph has one of that name; of two of one name the later counts.
            Those whose manifest is `BESIDE` count, and nothing is said of them.
        removed: objects that go away.
        now: when it happens; an `acceptedCycle` that is over by then does not count.
    """
    return _Change(snapshot, added, removed, now).findings()


def assess(
    snapshot: Snapshot, added: Sequence[Proposal], removed: Collection[ObjectName] = (), *, now: datetime
) -> Assessment:
    """Everything that a change does; the arguments are those of `findings`."""
    change = _Change(snapshot, added, removed, now)
    overlay = change.overlay
    fresh, gone = (
        sorted((overlay.key(a), overlay.key(b)) for a, b in pairs) for pairs in (overlay.fresh, overlay.gone)
    )
    return Assessment(
        findings=change.findings(),
        added=fresh,
        removed=gone,
        circles=change.circles,
        affected=affected(snapshot, {source for source, _ in chain(fresh, gone)}),
    )


class _Change:
    """A change laid over a graph, and what is asked of both."""

    def __init__(
        self,
        snapshot: Snapshot,
        added: Sequence[Proposal],
        removed: Collection[ObjectName],
        now: datetime,
    ) -> None:
        self._all = added
        last = {one.object: one for one in added}
        self._added = [one for one in added if last[one.object] is one]
        self._places = [(one, at) for one in self._added for at in range(len(one.observations))]
        claims = [Claim(one.object, one.observations[at]) for one, at in self._places]
        self._claims = claims
        self._strangers = Strangers(snapshot, [one.statement.service for one in self._added])
        self._promises = Promises(snapshot, [one.statement for one in self._added])
        self.overlay = Overlay(snapshot, {*last, *removed}, claims, now)
        self.circles = foresee(self.overlay)

    def findings(self) -> list[Finding]:
        """All of them, in the order of manifests and fields."""
        found = [*self._repeated(), *self._circling(), *self._differing()]
        for one in self._added:
            if one.manifest != BESIDE:
                found += self._unknown(one)
                found += self._promised(one)
        told = (finding for finding in found if finding.manifest != BESIDE)
        return sorted(told, key=lambda finding: (finding.manifest, _order(finding.field), finding.code.value))

    def _repeated(self) -> Iterator[Finding]:
        """Manifests of an object of which there was another before."""
        first: dict[ObjectName, Proposal] = {}
        for one in self._all:
            before = first.setdefault(one.object, one)
            if before is not one:
                words = f"another manifest is of {one.object} too; the one that is applied last counts"
                yield _finding(
                    Code.REPEATED_OBJECT,
                    words,
                    one,
                    "metadata.name",
                    related=((before.manifest, "metadata.name"),),
                )

    def _circling(self) -> Iterator[Finding]:
        """The circles that are closed or grow, each told once: by the manifest that has its first new edge."""
        for circle in self.circles:
            one, at = self._places[circle.claim]
            code = Code.GROWS_CIRCLE if circle.alerts else Code.CLOSES_CIRCLE
            known = ", and its manifests accept it" if circle.accepted else ""
            begin = (
                f"grows {', '.join(circle.alerts[:_NAMED])}"
                if circle.alerts
                else f"closes a circle of {len(circle.members)}"
            )
            words = _with_path(f"{begin} ({circle.severity}{known}): ", circle.circle)
            others = [self._places[number] for number in circle.claims if number != circle.claim]
            yield _finding(
                code,
                words,
                one,
                _dependency(at),
                severity=Severity.NOTE if circle.accepted else None,
                path=circle.circle,
                related=tuple((other.manifest, _dependency(place)) for other, place in others[:_NAMED]),
            )

    def _unknown(self, one: Proposal) -> Iterator[Finding]:
        """Targets that nobody knows."""
        for at, edge in enumerate(one.observations):
            stranger = self._strangers.ask(one.statement.service, edge.target)
            if stranger is not None:
                yield _finding(
                    Code.UNKNOWN_TARGET,
                    stranger.sentence(MAX_MESSAGE),
                    one,
                    _dependency(at),
                    severity=None if stranger.suspicious else Severity.NOTE,
                    candidates=stranger.candidates,
                )

    def _promised(self, one: Proposal) -> Iterator[Finding]:
        """Less critical targets, and a target of its own that they do not allow."""
        for at, edge in enumerate(one.observations):
            words = self._promises.less_critical(one.statement, edge)
            if words:
                yield _finding(Code.LESS_CRITICAL_TARGET, words, one, _dependency(at))
        words = self._promises.too_high(one.statement, one.observations)
        if words:
            yield _finding(Code.TARGET_TOO_HIGH, words, one, "spec.service.availabilityTarget")

    def _differing(self) -> Iterator[Finding]:
        """Dependencies about which another object says otherwise."""
        several: dict[Ends, list[int]] = {}
        for number, claim in enumerate(self._claims):
            several.setdefault((claim.edge.source, claim.edge.target), []).append(number)
        for number, (one, at) in enumerate(self._places):
            edge = one.observations[at]
            words = [
                (word.object, word)
                for word in self.overlay.words(edge.source, edge.target)
                if word.object.name and word.object != one.object
            ]
            stored = differing(
                edge, [(name, word.protocol, word.mode, word.requirement) for name, word in words]
            )
            given = differing(
                edge,
                [
                    (self._claims[other].object, said.protocol, said.mode, said.requirement)
                    for other in several[edge.source, edge.target]
                    if other < number or self._places[other][0].manifest == BESIDE != one.manifest
                    for said in (self._claims[other].edge,)
                ],
            )
            for told in (stored, given):
                if told:
                    yield _finding(Code.ATTRIBUTES_DIFFER, told, one, _dependency(at))
                    break


def _finding(
    code: Code,
    message: str,
    one: Proposal,
    field: str,
    *,
    severity: Severity | None = None,
    path: tuple[ServiceKey, ...] = (),
    candidates: tuple[str, ...] = (),
    related: tuple[tuple[int, str], ...] = (),
) -> Finding:
    usual = code.explanation.severity
    return Finding(
        code, severity or usual, cut(message), one.object, one.manifest, field, path, candidates, related
    )


def _dependency(number: int) -> str:
    return f"spec.dependencies[{number}]"


def _order(field: str) -> tuple[str, int]:
    """Where a field stands: dependencies by their number."""
    head, bracket, rest = field.partition("[")
    return head, int(rest.partition("]")[0]) if bracket else -1


def _with_path(begin: str, circle: tuple[ServiceKey, ...]) -> str:
    """The sentence with as much of the circle as there is room for."""
    ids = [str(key) for key in circle]
    if len(begin + path_of(ids)) > MAX_MESSAGE and len({key[:2] for key in circle}) == 1:
        # Said once, the namespace leaves room for the names.
        begin = f"{begin.removesuffix(': ')} in {circle[0].namespace}: "
        ids = [name.partition("/")[2] for name in ids]
    for steps in range(_STEPS, 0, -1):
        words = begin + path_of(ids, steps)
        if len(words) <= MAX_MESSAGE:
            break
    return words
