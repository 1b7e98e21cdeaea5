"""From the body of a CycleAlert, as Kubernetes holds it, to what a person says on it and what the operator once wrote there.

The spec is checked again like any other: the API server may have checked it by an older schema. The status is read back only
after the loss of the database, when it is all that is left of an alert; `ingest.batch.Adoption` says what becomes of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from servicegraph.errors import BadInput
from servicegraph.model.alert import Acknowledgement, Alert, AlertReason, AlertState, Cut, Severity
from servicegraph.model.cyclealert import NOT_OPEN, CycleAlertSpec, CycleAlertStatus
from servicegraph.model.faults import faults, summary
from servicegraph.model.fields import parse_time
from servicegraph.model.ids import parse_id

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def remembered(name: str, status: Mapping[str, Any], said: Acknowledgement | None) -> Alert | None:
    """The alert called `name` that a status tells of; None where it tells of none, or not enough.

    What a status leaves out (members beyond those shown, the shape of the component) the next look at the graph makes good.
    `said` is what the spec says beside it; it is kept if the status has taken it into account, else it is news to come.
    """
    try:
        told = CycleAlertStatus.model_validate(status)
        return _alert(name, told, said)
    except (ValidationError, BadInput, ValueError, OverflowError):
        return None


def _alert(name: str, told: CycleAlertStatus, said: Acknowledgement | None) -> Alert | None:
    if told.state in {None, NOT_OPEN} or not told.members or not told.opened_at:
        return None
    members = tuple(sorted(map(parse_id, told.members)))
    state, reason = AlertState(str(told.state)), _reason(told)
    resolved = state is AlertState.RESOLVED
    if said is not None and told.acknowledged and told.acknowledged.generation == said.generation:
        said = replace(said, members=members, ended=reason if state is AlertState.OPEN else None)
    else:
        said = None
    return Alert(
        name=name,
        members=() if resolved else members,
        members_when_resolved=members if resolved else (),
        severity=Severity(told.severity or Severity.INFO),
        witness=tuple(map(parse_id, told.witness or ())),
        cut=tuple(
            Cut(parse_id(one.source), parse_id(one.target), one.reason) for one in told.suggested_cuts or ()
        ),
        cut_size=len(told.suggested_cuts or ()),
        accepted=False,
        shape=b"",
        opened_at=parse_time(told.opened_at),
        opened_version=0,
        state=state,
        reason=reason,
        acknowledgement=said,
        split_from=told.split_from,
        resolved_at=parse_time(told.resolved_at or told.opened_at) if resolved else None,
        resolved_version=0 if resolved else None,
        merged_into=told.merged_into,
    )


def _reason(status: CycleAlertStatus) -> AlertReason:
    """Why it is in its state: the reason of its condition Ready."""
    said = next((one.reason for one in status.conditions or () if one.type == "Ready"), "")
    return AlertReason(said) if said in set(AlertReason) else AlertReason.NOT_ACKNOWLEDGED
