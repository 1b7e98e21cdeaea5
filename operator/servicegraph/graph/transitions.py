"""What is told about a version's alerts: each change once, as a transition that becomes one Event.

Who is in a circle and what state its alert is in are told apart: a circle that grows and is acknowledged in one version has two
transitions. Of one kind an alert has at most one a version, which makes (alert, version, kind) a key. Called by
`graph.alerts`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from servicegraph.graph import telling
from servicegraph.model.alert import AlertReason, AlertState, Transition, TransitionKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from servicegraph.model.alert import Alert

    Told = Iterator[tuple[TransitionKind, AlertReason, str]]


def transitions(changes: Sequence[tuple[Alert | None, Alert]], version: int) -> list[Transition]:
    """What happened to alerts, given as (before, after), in the order in which they come.

    Changes of edges alone, which may change severity, witness and cut, are no transition.
    """
    merged: defaultdict[str, list[str]] = defaultdict(list)
    split: defaultdict[str, list[str]] = defaultdict(list)
    for before, after in changes:
        if _is_there(before) and after.merged_into:
            merged[after.merged_into].append(after.name)
        if not _is_there(before) and after.split_from:
            split[after.split_from].append(after.name)
    return [
        Transition(after.name, version, kind, reason, message)
        for before, after in changes
        for kind, reason, message in _told(before, after, merged[after.name], split[after.name])
    ]


def _told(before: Alert | None, after: Alert, merged: list[str], split: list[str]) -> Told:
    if not _is_there(before):
        if _is_there(after):
            yield from _came(before, after)
            yield from _acknowledged(after)
        return
    assert before is not None
    if not _is_there(after):
        yield TransitionKind.RESOLVED, after.reason, telling.resolved(after)
        return
    joined = set(after.members).difference(before.members)
    left = set(before.members).difference(after.members)
    reopened = (before.state, after.state) == (AlertState.ACKNOWLEDGED, AlertState.OPEN)
    if joined:
        reason = AlertReason.MERGED if merged else AlertReason.MEMBERS_JOINED
        reason = after.reason if reopened else reason
        yield TransitionKind.GREW, reason, telling.grew(after, joined, left, merged)
    elif left:
        reason = AlertReason.SPLIT if split else AlertReason.MEMBERS_LEFT
        yield TransitionKind.SHRANK, reason, telling.shrank(after, left, split)
    if reopened and not joined:  # that somebody joined says as much
        yield TransitionKind.OPENED, after.reason, telling.opened(after, after.reason)
    if before.state is AlertState.OPEN:
        yield from _acknowledged(after)


def _came(before: Alert | None, after: Alert) -> Told:
    """A circle is there that was not there before."""
    reason = AlertReason.CIRCLE_IS_BACK if before else AlertReason.NEW_CIRCLE
    if after.split_from:
        reason = AlertReason.SPLIT_FROM
    yield TransitionKind.OPENED, reason, telling.opened(after, reason)


def _acknowledged(after: Alert) -> Told:
    if after.state is AlertState.ACKNOWLEDGED:
        yield TransitionKind.ACKNOWLEDGED, after.reason, telling.acknowledged(after)


def _is_there(alert: Alert | None) -> bool:
    return alert is not None and alert.state is not AlertState.RESOLVED
