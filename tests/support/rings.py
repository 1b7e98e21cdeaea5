"""Circles of lettered services, declared and committed: what tests of stored alerts have happen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from servicegraph.ingest.batch import Batch
from servicegraph.model.alert import Acknowledgement
from support.declared import calls, declares, service

if TYPE_CHECKING:
    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.ingest.batch import Committed
    from servicegraph.ingest.commit import GraphWriter
    from servicegraph.model.alert import Alert
    from servicegraph.model.observation import DeclaredObject

LETTERS = "abcdefghij"


@dataclass
class Rings:
    """Declares one object a letter; each time all of them, so that only those that say something new are new."""

    writer: GraphWriter
    generation: int = 0
    last: list[DeclaredObject] = field(default_factory=list)

    async def become(self, text: str, **attributes: Any) -> Committed:
        """Make these rings all that is declared: in each word every letter calls the next and the last the first."""
        self.generation += 1
        targets: dict[str, dict[str, None]] = {letter: {} for letter in LETTERS}
        for word in text.split():
            for one, other in zip(word, word[1:] + word[0], strict=True):
                targets[one][other] = None
        self.last = [
            declares(
                one, *(calls(service(one), to, **attributes) for to in others), generation=self.generation
            )
            for one, others in targets.items()
        ]
        return await self.writer.commit(Batch(self.last))

    async def again(self) -> Committed:
        """Declare the same objects again."""
        return await self.writer.commit(Batch(self.last))

    async def said(self, alert: str, generation: int = 1, **words: Any) -> Committed:
        """Have somebody acknowledge an alert."""
        acknowledgement = Acknowledgement(generation, words.pop("reason", "split planned"), **words)
        return await self.writer.commit(Batch(acknowledgements={alert: acknowledgement}))


def told(done: Committed) -> list[tuple[str, str, str]]:
    """What a commit told of alerts, as (alert, kind, reason)."""
    return [(one.alert, one.kind.value, one.reason.value) for one in done.told]


def letters(alert: Alert) -> str:
    """The members of an alert, or those it had when it was resolved."""
    return "".join(key.name for key in alert.members or alert.members_when_resolved)


def alert_with(snapshot: Snapshot, members: str) -> Alert:
    """The alert that has exactly these members."""
    return next(alert for alert in snapshot.alerts if letters(alert) == members)
