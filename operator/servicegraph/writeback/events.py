"""Events (events.k8s.io/v1) about what happened to alerts: how one looks, and the recorder that keeps them few.

An Event is made of a transition and of the object that it is about, its name included, so that after a crash the same Event
cannot be written twice. The reasons are a closed list, `TransitionKind`. What happens again soon in the same words is counted
on the Event that there is, and an object about which too much happens falls silent for a while: its status tells the same.
`reconcile.announcer` calls this.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

from servicegraph.errors import KubernetesConflict, KubernetesGone
from servicegraph.model.alert import TransitionKind
from servicegraph.model.servicedependency import API_VERSION, GROUP

if TYPE_CHECKING:
    from datetime import datetime

    from servicegraph.clock import Clock
    from servicegraph.kube.client import KubeClient
    from servicegraph.model.alert import TransitionRecord

ALERT_NAMESPACE = "default"
"""Where Events about objects without a namespace lie; the API server takes them nowhere else."""

SERIES_SECONDS = 600.0
"""So long after an Event the same words are counted on it."""
BURST = 25
"""Events about one object at once; then one every `REFILL_SECONDS`. The figures are client-go's."""
REFILL_SECONDS = 300.0

_KEPT = 10_000
_WARNINGS = {TransitionKind.OPENED, TransitionKind.GREW}
_ACTIONS = {
    TransitionKind.OPENED: "Open",
    TransitionKind.GREW: "Update",
    TransitionKind.SHRANK: "Update",
    TransitionKind.ACKNOWLEDGED: "Acknowledge",
    TransitionKind.RESOLVED: "Resolve",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """The object that an Event is about."""

    kind: str
    namespace: str
    """Empty for one that lies in none."""
    name: str
    uid: str
    """Empty where it does not exist any more."""

    @property
    def key(self) -> str:
        """What identifies it."""
        return self.uid or f"{self.kind}/{self.namespace}/{self.name}"


def event(record: TransitionRecord, subject: Subject, instance: str) -> dict[str, Any]:
    """The Event that tells `subject` of a transition."""
    told = record.transition
    regarding = {"apiVersion": API_VERSION, "kind": subject.kind, "name": subject.name}
    name = f"{told.alert}.{told.version}.{told.kind.lower()}"
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {
            # About the alert by the three that identify a transition; about other objects their uid comes in.
            "name": name if not subject.namespace else f"{name}.{subject.uid}",
            "namespace": subject.namespace or ALERT_NAMESPACE,
        },
        "eventTime": _micro_time(record.at),
        "type": "Warning" if told.kind in _WARNINGS else "Normal",
        "reason": told.kind.value,
        "action": _ACTIONS[told.kind],
        "note": told.message,
        "regarding": {
            **regarding,
            **({"namespace": subject.namespace} if subject.namespace else {}),
            **({"uid": subject.uid} if subject.uid else {}),
        },
        "reportingController": f"{GROUP}/operator",
        "reportingInstance": instance,
    }


@dataclass(slots=True)
class _Series:
    """An Event that there is, and what has been counted on it."""

    namespace: str
    name: str
    count: int
    last: float


class Recorder:
    """Writes Events; remembers the last ones. For one event loop."""

    def __init__(self, kube: KubeClient, clock: Clock, instance: str) -> None:
        self._kube = kube
        self._clock = clock
        self._instance = instance
        self._series: OrderedDict[tuple[str, str, str], _Series] = OrderedDict()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """By object: how many Events it has left, and as of when."""

    async def record(self, record: TransitionRecord, subject: Subject) -> str:
        """Tell `subject` of a transition; the answer is what became of it: created, repeated, exists or dropped.

        Raises:
            KubernetesUnavailable: try again later.
            KubernetesRefused: the API server does not take it, and never will.
        """
        body = event(record, subject, self._instance)
        key = (subject.key, body["reason"], body["note"])
        now = self._clock.monotonic()
        earlier = self._series.get(key)
        again = earlier if earlier and now - earlier.last < SERIES_SECONDS else None  # later it is news again
        if again and again.name != body["metadata"]["name"] and await self._count(again, record.at):
            again.last = now
            return "repeated"
        if not self._may_speak(subject.key, now):
            return "dropped"
        try:
            await self._kube.create_event(body)
            result = "created"
        except KubernetesConflict:
            result = "exists"
        self._series[key] = _Series(body["metadata"]["namespace"], body["metadata"]["name"], 1, now)
        self._series.move_to_end(key)
        _forget_oldest(self._series)
        return result

    async def _count(self, earlier: _Series, at: datetime) -> bool:
        """Count once more on an Event; False when it exists no more."""
        series = {"count": earlier.count + 1, "lastObservedTime": _micro_time(at)}
        try:
            await self._kube.patch_event(earlier.namespace, earlier.name, {"series": series})
        except KubernetesGone:
            return False
        earlier.count += 1
        return True

    def _may_speak(self, key: str, now: float) -> bool:
        """Whether an Event about this object is still within its bounds."""
        left, since = self._buckets.pop(key, (float(BURST), now))
        left = min(BURST, left + (now - since) / REFILL_SECONDS)
        may = left >= 1
        self._buckets[key] = (left - may, now)
        _forget_oldest(self._buckets)
        return may


def _forget_oldest(memory: OrderedDict[Any, Any]) -> None:
    while len(memory) > _KEPT:
        memory.popitem(last=False)


def _micro_time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
