"""Whether somebody knows about a circle: the state of an alert while its circle exists.

There are two ways to acknowledge: on the alert itself, for its members of that moment, and in the manifests of the services,
by accepting enough edges that no circle is left without them. An acknowledgement on the alert ends for good when somebody new
is in the circle or its time is over; only the next generation of the alert's spec begins anew, so a circle that grows and
shrinks again does not flap. Called by `graph.alerts`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from servicegraph.model.alert import AlertReason, AlertState

if TYPE_CHECKING:
    from datetime import datetime

    from servicegraph.model.alert import Acknowledgement
    from servicegraph.model.ids import ServiceKey


def heard(
    said: Acknowledgement | None,
    before: Acknowledgement | None,
    members: tuple[ServiceKey, ...],
    at: datetime,
) -> Acknowledgement | None:
    """What holds once the spec of an alert says `said`: what held before if the words are the same.

    Args:
        said: None if the spec says nothing or the object is gone.
        before: what held until now.
        members: those of the alert until now: the newest that its author can have seen.
        at: the time of the transaction that stores it.
    """
    if said is None:
        return None
    if said.says(before):
        return before
    over = said.until is not None and said.until <= at
    return replace(said, members=members, ended=AlertReason.ACKNOWLEDGEMENT_EXPIRED if over else None)


def expired(acknowledgement: Acknowledgement | None) -> Acknowledgement | None:
    """The same after its `until`."""
    if acknowledgement is None or acknowledgement.ended is not None:
        return acknowledgement
    return replace(acknowledgement, ended=AlertReason.ACKNOWLEDGEMENT_EXPIRED)


def outgrown(
    acknowledgement: Acknowledgement | None, members: tuple[ServiceKey, ...]
) -> Acknowledgement | None:
    """The same once these are the members: it ends when it does not cover all of them."""
    if (
        acknowledgement is None
        or acknowledgement.ended is not None
        or members == acknowledgement.members
        or set(members) <= set(acknowledgement.members)
    ):
        return acknowledgement
    return replace(acknowledgement, ended=AlertReason.GREW_SINCE_ACKNOWLEDGED)


def state_of(acknowledgement: Acknowledgement | None, *, accepted: bool) -> tuple[AlertState, AlertReason]:
    """The state of an alert whose circle exists, and why.

    Args:
        acknowledgement: after `outgrown`.
        accepted: whether no circle is left without the edges that the manifests accept.
    """
    if acknowledgement is not None and acknowledgement.ended is None:
        return AlertState.ACKNOWLEDGED, AlertReason.ACKNOWLEDGED_ON_ALERT
    if accepted:
        return AlertState.ACKNOWLEDGED, AlertReason.ACCEPTED_IN_MANIFESTS
    if acknowledgement is not None and acknowledgement.ended is not None:
        return AlertState.OPEN, acknowledgement.ended
    return AlertState.OPEN, AlertReason.NOT_ACKNOWLEDGED
