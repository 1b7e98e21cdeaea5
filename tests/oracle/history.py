"""What objects have been shown to the product so far: the input of `fold`, and the evidence that an edge may rest on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from oracle.bodies import Body, about, dependencies, refusal, uid
from oracle.fold import Told

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass
class History:
    """Every generation of every object; tests show it the bodies that they have applied, in order.

    A refused generation leaves standing the last good one before it. So a test waits for a good generation to be stored before
    it makes a bad one, or the product may never have seen the good one.
    """

    generations: dict[str, dict[int, Body]] = field(default_factory=dict)
    """By uid, of objects that are gone too."""
    living: dict[str, Told] = field(default_factory=dict)

    def show(self, *bodies: Body) -> None:
        """These objects exist, as they are now."""
        for body in bodies:
            before = self.living.get(uid(body))
            good = body if refusal(body) is None else before and before.good
            self.living[uid(body)] = Told(body, good)
            self.generations.setdefault(uid(body), {})[body["metadata"]["generation"]] = body

    def show_all(self, bodies: Iterable[Body]) -> None:
        """These objects exist and no others."""
        listed = list(bodies)
        self.show(*listed)
        self.forget(*(set(self.living) - {uid(body) for body in listed}))

    def forget(self, *uids: str) -> None:
        """These objects exist no more."""
        for one in uids:
            self.living.pop(one, None)

    def told(self) -> list[Told]:
        """The objects that exist, for `fold`."""
        return list(self.living.values())

    def has_said(self, source: str, target: str, who: str | None = None, until: int | None = None) -> bool:
        """Whether an object has ever declared this edge: any, or the one with uid `who`, in a generation up to `until`."""
        for one in self.generations if who is None else {who} & self.generations.keys():
            for generation, body in self.generations[one].items():
                if (until is None or generation <= until) and _says(body, source, target):
                    return True
        return False


def _says(body: dict[str, Any], source: str, target: str) -> bool:
    if refusal(body) is not None or about(body) != source:
        return False
    return any(target == one for one, _ in dependencies(body))
