"""Writing an acknowledgement into the spec of a CycleAlert, as a person does; `cli.ack` calls it.

The operator never writes there: `spec` belongs to people. What is not worth writing is refused with what to do instead.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from servicegraph.errors import BadInput, KubernetesGone
from servicegraph.kube.client import KubeClient
from servicegraph.model.alert import AlertState
from servicegraph.model.cyclealert import NOT_OPEN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servicegraph.settings import Settings

    Words = Mapping[str, str | None]


class Outcome(Enum):
    """What an acknowledgement did."""

    WRITTEN = "written"
    SAID_BEFORE = "said before"
    """The alert is acknowledged in the same words, so that nothing was written."""


async def acknowledge(settings: Settings, name: str, words: Words) -> Outcome:
    """Acknowledge the alert `name` in `words`: `reason`, `by` and `until`, None where nothing is said.

    Raises:
        BadInput: there is no such alert, or nothing to acknowledge, or the same words no longer hold.
        KubernetesRefused: the API server refuses; the words are too long, or it is not allowed.
        KubernetesUnavailable: the API server cannot be reached.
    """
    async with KubeClient(settings) as kube:
        try:
            alert = await kube.get_alert(name)
            if _says(alert, words):
                return _said_before(alert, name)
            _check(alert, name)
            await kube.acknowledge_alert(name, words)
        except KubernetesGone:
            raise BadInput(
                f"there is no CycleAlert {name!r}; `servicegraph cycles` lists those there are"
            ) from None
    return Outcome.WRITTEN


def _check(alert: Mapping[str, Any], name: str) -> None:
    """Refuse to acknowledge what is no open circle."""
    state = _status(alert).get("state")
    if state == NOT_OPEN:
        raise BadInput(
            f"{name} is NotOpen: it was made by hand, and no services depend on each other in that circle;"
            f" remove it with `kubectl delete cyclealert {name}`"
        )
    if state == AlertState.RESOLVED:
        raise BadInput(f"{name} is Resolved: its circle is gone, so there is nothing to acknowledge")


def _says(alert: Mapping[str, Any], words: Words) -> bool:
    """Whether these words stand in the alert; written again they would be no news to anybody."""
    said = (alert.get("spec") or {}).get("acknowledgement")
    return said is not None and all(said.get(key) == value for key, value in words.items())


def _said_before(alert: Mapping[str, Any], name: str) -> Outcome:
    """The outcome for words that stand there already.

    Raises:
        BadInput: they do not hold any more.
    """
    if _status(alert).get("state") == AlertState.OPEN and _is_heard(alert):
        raise BadInput(
            f"{name} says so already and is open all the same: services have joined the circle since, or the time is over;"
            " give a reason that is about the circle as it is now"
        )
    _check(alert, name)
    return Outcome.SAID_BEFORE


def _is_heard(alert: Mapping[str, Any]) -> bool:
    """Whether the operator has seen the spec as it is."""
    heard: int = _status(alert).get("observedGeneration", -1)
    return heard >= int(alert["metadata"]["generation"])


def _status(alert: Mapping[str, Any]) -> Mapping[str, Any]:
    status: Mapping[str, Any] = alert.get("status") or {}
    return status
