"""The alerts of a version: those of the version before, the circles of this one, and what people have said since.

This is where a circle gets its alert. `diff` decides for each component which alert goes on with it, which are opened, opened
again or resolved, and what state each is in. It is a function of its arguments: no clock, no order, no I/O; the transaction
that makes the version calls it and stores what it says. Its parts are `graph.lineage` (who goes on as what),
`graph.explanation` (how bad, what way out), `graph.acknowledgement` (the state) and `graph.transitions` (what is told).

After the loss of the database, alerts made of the existing objects' status can be handed in as those of the version before:
those whose circle is there go on under their names, the others are resolved.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from servicegraph.graph.acknowledgement import expired, heard, outgrown, state_of
from servicegraph.graph.explanation import explain
from servicegraph.graph.lineage import trace
from servicegraph.graph.transitions import transitions
from servicegraph.model.alert import Alert, AlertReason, AlertState, alert_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from servicegraph.graph.components import Circles, Component
    from servicegraph.graph.lineage import Lineage
    from servicegraph.model.alert import Acknowledgement, Transition
    from servicegraph.model.ids import ServiceKey

    ByName = dict[str, Alert]
    Keys = tuple[ServiceKey, ...]


@dataclass(frozen=True, slots=True)
class Alerts:
    """All alerts that are kept, as of one version."""

    by_name: Mapping[str, Alert]
    """In the order of their names."""
    circles: Circles | None = None
    """What they were found in, to tell quickly what the next version leaves as it is; None when they come from storage."""
    names: tuple[str, ...] = ()
    """The alert of each component of `circles`."""

    @classmethod
    def of(cls, alerts: Iterable[Alert]) -> Alerts:
        """Alerts as they come from storage, in any order."""
        return cls({alert.name: alert for alert in sorted(alerts, key=lambda alert: alert.name)})


@dataclass(frozen=True, slots=True)
class Moment:
    """The version that is being made, and the time of its commit."""

    version: int
    at: datetime


@dataclass(frozen=True, slots=True)
class News:
    """What has become known since the last version, beside the graph."""

    said: Mapping[str, Acknowledgement | None]
    """By alert, what its spec says now, None for nothing. Names of alerts that do not exist are passed over."""
    over: Collection[str] = ()
    """Alerts whose acknowledgement is found to be past its `until` (`graph.deadlines.over`)."""


NO_NEWS = News({})


@dataclass(frozen=True, slots=True)
class Diff:
    """What a version changes in the alerts."""

    alerts: Alerts
    """All of them, after it."""
    changed: tuple[Alert, ...] = ()
    """Those that differ from before, by name: the rows to write."""
    transitions: tuple[Transition, ...] = ()
    """What happened, by alert and in the order in which it is told."""


def diff(before: Alerts, circles: Circles, now: Moment, news: News = NO_NEWS) -> Diff:
    """The alerts of the next version.

    Args:
        before: those of the version before; resolved ones are among them for as long as they are kept.
        circles: those of the next version.
        now: which version that is, and when.
        news: what people said and time did.
    """
    if news == NO_NEWS and before.circles is not None and circles.same_as(before.circles):
        return Diff(replace(before, circles=circles))
    old = {name: _informed(alert, news, now) for name, alert in before.by_name.items()}
    same = _the_same(before, circles)
    keys = {number: circles.keys_of(number) for number in range(len(circles)) if number not in same}
    settled = set(same.values())
    lineage = trace(
        {name: one.members for name, one in old.items() if one.members and name not in settled}, keys
    )

    new = dict(old)
    names = []
    for number in range(len(circles)):
        if number in same:
            alert = _in_its_state(old[same[number]])
        elif number in lineage.alert:
            alert = _going_on(old[lineage.alert[number]], circles.component(number), keys[number])
        else:
            origin = lineage.split_from(number)
            alert = _opened(circles.component(number), keys[number], new, origin, now, news)
        new[alert.name] = alert
        names.append(alert.name)
    for name in {name for name, alert in old.items() if alert.members}.difference(names):
        new[name] = _resolved(old[name], lineage, now)
    return _compared(before, Alerts.of(new.values()), circles, tuple(names), now)


def _informed(alert: Alert, news: News, now: Moment) -> Alert:
    """The alert with what people said about it; its members are still those that they can have seen."""
    if alert.name not in news.said and alert.name not in news.over:
        return alert
    acknowledgement = alert.acknowledgement
    if alert.name in news.over:
        acknowledgement = expired(acknowledgement)
    if alert.name in news.said:
        seen = alert.members or alert.members_when_resolved
        acknowledgement = heard(news.said[alert.name], acknowledgement, seen, now.at)
    return replace(alert, acknowledgement=acknowledgement)


def _the_same(before: Alerts, circles: Circles) -> dict[int, str]:
    """The alerts of components that have the members and edges that they had, as far as that can be told quickly."""
    if before.circles is None:
        return {}
    twins = {number: circles.twin(number, before.circles) for number in range(len(circles))}
    return {number: before.names[twin] for number, twin in twins.items() if twin is not None}


def _going_on(alert: Alert, component: Component, keys: Keys) -> Alert:
    """The alert with the members and edges of a component."""
    shape = component.shape
    if (shape, keys) != (alert.shape, alert.members):
        alert = replace(alert, members=keys, shape=shape, **_explained(component, keys))
    return _in_its_state(alert)


def _opened(
    component: Component,
    keys: Keys,
    others: Mapping[str, Alert],
    split_from: str | None,
    now: Moment,
    news: News,
) -> Alert:
    """A new alert, or the one that had the same members when it was resolved: the last such one."""
    same = [one for one in others.values() if not one.members and one.members_when_resolved == keys]
    back = max(same, key=lambda one: one.resolved_version or 0, default=None)
    name = back.name if back else alert_name(keys, others)
    alert = Alert(
        name=name,
        members=keys,
        shape=component.shape,
        opened_at=now.at,
        opened_version=now.version,
        acknowledgement=back.acknowledgement if back else heard(news.said.get(name), None, keys, now.at),
        split_from=split_from,
        **_explained(component, keys),
    )
    return _in_its_state(alert)


def _explained(component: Component, keys: Keys) -> dict[str, Any]:
    """What an alert says about a component, by field."""
    explanation = explain(component, keys)
    return {one.name: getattr(explanation, one.name) for one in fields(explanation)}


def _in_its_state(alert: Alert) -> Alert:
    """The alert in the state that its members, its edges and its acknowledgement put it in."""
    acknowledgement = outgrown(alert.acknowledgement, alert.members)
    state, reason = state_of(acknowledgement, accepted=alert.accepted)
    if (acknowledgement, state, reason) == (alert.acknowledgement, alert.state, alert.reason):
        return alert
    return replace(alert, acknowledgement=acknowledgement, state=state, reason=reason)


def _resolved(alert: Alert, lineage: Lineage, now: Moment) -> Alert:
    """The alert without its circle."""
    merged_into = lineage.merged_into(alert.name)
    return replace(
        alert,
        members=(),
        members_when_resolved=alert.members,
        resolved_at=now.at,
        resolved_version=now.version,
        merged_into=merged_into,
        state=AlertState.RESOLVED,
        reason=AlertReason.MERGED_INTO if merged_into else AlertReason.NO_CIRCLE_LEFT,
    )


def _compared(before: Alerts, after: Alerts, circles: Circles, names: tuple[str, ...], now: Moment) -> Diff:
    """Both versions side by side: what changed, and what there is to tell."""
    changed = [alert for name, alert in after.by_name.items() if alert != before.by_name.get(name)]
    told = transitions([(before.by_name.get(alert.name), alert) for alert in changed], now.version)
    return Diff(replace(after, circles=circles, names=names), tuple(changed), tuple(told))
