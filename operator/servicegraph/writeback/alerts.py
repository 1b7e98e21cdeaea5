"""What a CycleAlert should say, and what has to be done so that it does: a pure function of alert, object and graph.

The twin of `desired` for alerts. Only objects of this operator's own instance are touched, and of those only the status: a spec
belongs to people, so an object with something in its spec is never deleted. `reconcile.alert_report` takes the steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from servicegraph.graph import telling
from servicegraph.model.alert import AlertReason, AlertState, members_digest
from servicegraph.model.cyclealert import MAX_ID, MAX_LINE, MAX_SHOWN, NOT_OPEN
from servicegraph.model.fields import print_time
from servicegraph.model.translate import INVALID_SPEC
from servicegraph.writeback.circle import edges_within, shown_edges
from servicegraph.writeback.conditions import READY, by_type, condition, since

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from servicegraph.graph.snapshot import Snapshot
    from servicegraph.model.alert import Alert
    from servicegraph.writeback.live_alert import LiveAlert

NO_SUCH_CIRCLE = "NoSuchCircle"
"""Ready: a person made the object, and there is nothing to tell."""

_NOT_OPEN_MESSAGE = (
    "there is no such circle; servicegraph makes an alert for each that there is, so this one can be deleted"
)
_CUTS_IN_A_LINE = 3
_OURS = (
    "observedGeneration", "state", "severity", "memberCount", "members", "truncated", "witness", "path", "suggestedCuts", "cut",
    "edges", "acknowledged", "splitFrom", "mergedInto", "openedAt", "resolvedAt",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Create:
    """The object does not exist: create it. Its status takes another step."""


@dataclass(frozen=True, slots=True)
class Write:
    """The object does not say what it should: apply this status."""

    status: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Delete:
    """The alert is not kept any more: delete the object."""


Step = Create | Write | Delete


def next_step(
    alert: Alert | None, live: LiveAlert | None, snapshot: Snapshot, instance: str, now: datetime
) -> Step | None:
    """What has to be done next so that the object says what is known of the alert; None if nothing has.

    Args:
        alert: that of the object's name in `snapshot`; None if there is none.
        live: the object; None if there is none.
        snapshot: the graph.
        instance: the operator that asks.
        now: dates conditions that change.
    """
    if live is None:
        return Create() if alert is not None and alert.state is not AlertState.RESOLVED else None
    if live.instance != instance:
        return None
    before = live.status
    if alert is None and before.get("state") in set(AlertState):
        # Open without an alert: a graph newer or older than the one at hand knows more of it.
        return Delete() if before["state"] == AlertState.RESOLVED and live.is_empty else None
    said = _not_open() if alert is None else _told(alert, live, snapshot)
    wanted = _completed(said, live, before, snapshot, now)
    return Write(wanted) if differs(before, wanted) else None


def differs(before: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether the two statuses say different things, as far as they are the operator's to say."""
    return _said(before) != _said(wanted)


def _said(status: Mapping[str, Any]) -> tuple[Any, ...]:
    return by_type(status), *(status.get(field) for field in _OURS)


def _completed(
    said: dict[str, Any], live: LiveAlert, before: Mapping[str, Any], snapshot: Snapshot, now: datetime
) -> dict[str, Any]:
    """The status with what depends on how it was before: since when its condition holds, and which version it is of."""
    reason, message, heard = said.pop("reason"), said.pop("message"), said.pop("heard")
    generation = live.generation if heard else before.get("observedGeneration", -1)
    ready = condition(READY, "True", reason, message, max(generation, 0))
    if live.fault:
        ready = condition(READY, "False", INVALID_SPEC, live.fault, live.generation)
    wanted = {
        "observedGeneration": live.generation if live.fault else generation,
        "conditions": since([ready], by_type(before), now),
        **said,
    }
    moved = "graphVersion" not in before or differs(before, wanted)
    return {**wanted, "graphVersion": snapshot.mark.version if moved else before["graphVersion"]}


def _not_open() -> dict[str, Any]:
    """Of an object that a person made."""
    return {"state": NOT_OPEN, "reason": NO_SUCH_CIRCLE, "message": _NOT_OPEN_MESSAGE, "heard": True}


def _told(alert: Alert, live: LiveAlert, snapshot: Snapshot) -> dict[str, Any]:
    """Everything that is known of an alert, every list cut to its bound; what is empty is left out."""
    ids, witness = alert.ids, [_short(key) for key in alert.witness]
    own = edges_within(alert, snapshot)
    cuts = [
        {"source": _short(one.source), "target": _short(one.target), "reason": one.reason}
        for one in alert.cut[:MAX_SHOWN]
    ]
    partial = max(len(ids), len(witness) - 1, alert.cut_size, len(own)) > MAX_SHOWN
    said = {
        "state": alert.state.value,
        "severity": alert.severity.value,
        "memberCount": len(ids),
        "members": [_short(one) for one in ids[:MAX_SHOWN]],
        "truncated": partial or None,
        "witness": witness[: MAX_SHOWN + 1],
        "path": _line(telling.path(alert.witness)),
        "suggestedCuts": cuts,
        "cut": _line(_cut(alert)),
        "edges": shown_edges(alert, snapshot, own, MAX_SHOWN),
        "acknowledged": _covered(alert),
        "splitFrom": alert.split_from,
        "mergedInto": alert.merged_into,
        "openedAt": print_time(alert.opened_at),
        "resolvedAt": print_time(alert.resolved_at) if alert.resolved_at else None,
    }
    return {
        **{field: value for field, value in said.items() if value not in (None, [], "")},
        "reason": alert.reason.value,
        "message": message_of(alert),
        "heard": _is_heard(alert, live),
    }


def message_of(alert: Alert) -> str:
    """Why an alert is in its state, in a sentence."""
    if alert.state is AlertState.RESOLVED:
        return telling.resolved(alert)
    if alert.state is AlertState.ACKNOWLEDGED:
        return telling.acknowledged(alert)
    if alert.reason is AlertReason.GREW_SINCE_ACKNOWLEDGED:
        return (
            f"the acknowledgement does not cover all members: {telling.opened(alert, AlertReason.NEW_CIRCLE)}"
        )
    told = AlertReason.NEW_CIRCLE if alert.reason is AlertReason.NOT_ACKNOWLEDGED else alert.reason
    return telling.opened(alert, told)


def _is_heard(alert: Alert, live: LiveAlert) -> bool:
    """Whether the alert has taken in what the spec of the object says."""
    return alert.acknowledgement is None if live.said is None else live.said.says(alert.acknowledgement)


def _covered(alert: Alert) -> dict[str, Any] | None:
    said = alert.acknowledgement
    if said is None:
        return None
    return {
        "generation": said.generation,
        "memberCount": len(said.members),
        "membersHash": members_digest(said.members),
    }


def _cut(alert: Alert) -> str:
    more = alert.cut_size - _CUTS_IN_A_LINE
    shown = ", ".join(f"{_short(one.source)} → {_short(one.target)}" for one in alert.cut[:_CUTS_IN_A_LINE])
    return shown + (f" and {more} more" if more > 0 else "")


def _short(key: object) -> str:
    return _bounded(str(key), MAX_ID)


def _line(text: str) -> str:
    return _bounded(text, MAX_LINE)


def _bounded(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
