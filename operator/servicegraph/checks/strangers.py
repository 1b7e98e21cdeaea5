"""Targets of manifests that nobody knows, neither the graph nor the manifests beside them, and who may be meant instead.

The same judgement and the same words as in the condition `Resolved` (`checks.targets`), one target at a time. `checks.changes`
asks. A target without a near miss is worth a note only: what is applied first cannot know what comes next.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from servicegraph.checks.near import KnownServices, first, known_services
from servicegraph.checks.targets import told_unknown
from servicegraph.graph.blank import blank
from servicegraph.model.ids import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.model.ids import ServiceKey


@dataclass(frozen=True, slots=True)
class Stranger:
    """A target that nobody knows."""

    target: ServiceKey
    candidates: tuple[str, ...]
    suspicious: bool
    """Whether one of the candidates is likely to be meant."""

    def sentence(self, room: int) -> str:
        """What to say, in `room` characters if the names allow it."""
        return told_unknown(self.target, self.candidates, room)


class Strangers:
    """What is known after a change."""

    def __init__(self, snapshot: Snapshot, stated: Iterable[ServiceKey]) -> None:
        """Put together what the graph knows and the services that the manifests are about."""
        self._snapshot = snapshot
        self._known = known_services(snapshot)
        self._stated = frozenset(stated)
        self._asked: dict[ServiceKey, list[tuple[int, int, ServiceKey]]] = {}

    def ask(self, source: ServiceKey, target: ServiceKey) -> Stranger | None:
        """What to say about a target of `source`; None if it is known, or of a kind that nobody declares."""
        if target.kind != Kind.SERVICE or target in self._stated or target in self._known:
            return None
        ranked = self._asked.get(target)
        if ranked is None:
            ranked = self._asked[target] = [*self._known.ranked(target), *self._beside.ranked(target)]
        others = [one for one in ranked if one[-1] != source]  # nobody means to call itself
        suspicious = any(not self._is_twin(source, target, key) for *_, key in others)
        return Stranger(target, first(others), suspicious)

    @cached_property
    def _beside(self) -> KnownServices:
        """The services of the manifests, ready to be searched."""
        return KnownServices(blank(self._stated))

    def _is_twin(self, source: ServiceKey, target: ServiceKey, candidate: ServiceKey) -> bool:
        """Whether the candidate stands to the target as a namesake of the source in the same other namespace stands to it.

        Then an application is being set up a second time, and each of its services has a namesake there.
        """
        same = candidate._replace(namespace=target.namespace) == target
        namesake = source._replace(namespace=candidate.namespace)
        return (
            same
            and source.namespace == target.namespace
            and (namesake in self._known or namesake in self._stated)
        )
