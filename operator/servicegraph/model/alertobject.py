"""From the body of a CycleAlert, as Kubernetes holds it, to what a person says on it and what the operator once wrote there.

The spec is checked again like any other: the API server may have checked it by an older schema. The status is read back only
after the loss of the database, when it is all that is left of an alert; `ingest.batch.Adoption` says what becomes of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from servicegraph.errors import BadInput
from servicegraph.model.alert import Acknowledgement, Alert, AlertReason, AlertState, Cut, Severity
from servicegraph.model.cyclealert import NOT_OPEN, CycleAlertSpec, CycleAlertStatus
from servicegraph.model.faults import faults, summary
from servicegraph.model.fields import parse_time
from servicegraph.model.ids import parse_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from servicegraph.model.ids import ServiceKey

_MAX_MESSAGE = 1000


def acknowledgement_of(body: Mapping[str, Any]) -> Acknowledgement | None:
    """What the spec says; None if it says nothing. Whom it covers is the transaction's to find out.

    Raises:
        BadInput: naming each field that cannot be used.
    """
    try:
        spec = CycleAlertSpec.model_validate(body.get("spec") or {})
    except ValidationError as error:
        raise BadInput(summary(faults(error))[:_MAX_MESSAGE]) from error
    said = spec.acknowledgement
    if said is None:
        return None
    until = parse_time(said.until) if said.until else None
    return Acknowledgement(body["metadata"]["generation"], said.reason, said.by, until)


def remembered(body: Mapping[str, Any]) -> Alert | None:
    """The alert that the status tells of; None where it tells of none, or not enough.

    What a status leaves out (members beyond those shown, the shape of the component) the next look at the graph makes good.
    """
    try:
        status = CycleAlertStatus.model_validate(body.get("status") or {})
        if status.state in {None, NOT_OPEN} or not status.members or not status.opened_at:
            return None
        members = _keys(status.members)
        state = AlertState(str(status.state))
        resolved = state is AlertState.RESOLVED
        return Alert(
            name=body["metadata"]["name"],
            members=() if resolved else members,
            members_when_resolved=members if resolved else (),
            severity=Severity(status.severity or Severity.INFO),
            witness=tuple(map(parse_id, status.witness or ())),
            cut=tuple(
                Cut(parse_id(one.source), parse_id(one.target), one.reason)
                for one in status.suggested_cuts or ()
            ),
            cut_size=len(status.suggested_cuts or ()),
            accepted=False,
            shape=b"",
            opened_at=parse_time(status.opened_at),
            opened_version=0,
            state=state,
            reason=_reason(status),
            acknowledgement=_in_force(body, status, members),
            split_from=status.split_from,
            resolved_at=parse_time(status.resolved_at or status.opened_at) if resolved else None,
            resolved_version=0 if resolved else None,
            merged_into=status.merged_into,
        )
    except (ValidationError, BadInput, ValueError, OverflowError):
        return None


def _in_force(
    body: Mapping[str, Any], status: CycleAlertStatus, members: tuple[ServiceKey, ...]
) -> Acknowledgement | None:
    """The acknowledgement, if the status has taken this generation of it into account; else it is news to come."""
    said = acknowledgement_of(body)
    if said is None or status.acknowledged is None or status.acknowledged.generation != said.generation:
        return None
    ended = _reason(status) if status.state == "Open" else None
    return Acknowledgement(said.generation, said.reason, said.by, said.until, members, ended)


def _reason(status: CycleAlertStatus) -> AlertReason:
    """Why it is in its state: the reason of its condition Ready."""
    said = next((one.reason for one in status.conditions or () if one.type == "Ready"), "")
    return AlertReason(said) if said in set(AlertReason) else AlertReason.NOT_ACKNOWLEDGED


def _keys(ids: Sequence[str]) -> tuple[ServiceKey, ...]:
    return tuple(sorted(map(parse_id, ids)))
