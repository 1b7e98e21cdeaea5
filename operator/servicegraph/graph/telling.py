"""What is told about a circle, in sentences: the messages of transitions. Pure words; what happened is decided before.

Every message names few services and is short enough for the note of an Event, however large the circle is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicegraph.model.alert import AlertReason

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from servicegraph.model.alert import Alert
    from servicegraph.model.ids import ServiceKey

_MAX_BYTES = 1_000
_NAMED = 5
_STEPS = 6


def path(witness: Sequence[ServiceKey], steps: int = _STEPS) -> str:
    """A circle in one line: `shop/a → shop/b → shop/a`; a long one loses its middle."""
    return path_of([str(key) for key in witness], steps)


def path_of(ids: Sequence[str], steps: int = _STEPS) -> str:
    """The same of ids, or of shorter names for them."""
    shown = list(ids if len(ids) <= steps + 2 else ids[:steps])
    if len(ids) > steps + 2:
        shown += [f"({len(ids) - 1 - steps} more)", ids[-1]]
    return " → ".join(shown)


def opened(alert: Alert, reason: AlertReason) -> str:
    """A circle is there, there again, or nobody accounts for it any more."""
    why = {
        AlertReason.SPLIT_FROM: f"split off {alert.split_from}: ",
        AlertReason.CIRCLE_IS_BACK: "the circle is back: ",
        AlertReason.ACKNOWLEDGEMENT_EXPIRED: "the time of the acknowledgement is over: ",
        AlertReason.NOT_ACKNOWLEDGED: "no longer acknowledged: ",
    }.get(reason, "")
    return _bounded(
        f"{why}{len(alert.members)} services depend on each other in a circle ({alert.severity}): "
        f"{path(alert.witness)}; {_way_out(alert)}"
    )


def grew(
    alert: Alert, joined: Collection[ServiceKey], left: Collection[ServiceKey], merged: Sequence[str]
) -> str:
    """Somebody new is in the circle."""
    parts = [f"{_names(joined)} joined the circle"]
    if left:
        parts.append(f"{_names(left)} left it")
    if merged:
        parts.append(f"{_listed(list(merged))} became part of it")
    if alert.reason is AlertReason.GREW_SINCE_ACKNOWLEDGED:
        parts.append("the acknowledgement does not cover all members")
    parts.append(f"{len(alert.members)} services, {alert.severity}: {path(alert.witness)}")
    return _bounded("; ".join([*parts, _way_out(alert)]))


def shrank(alert: Alert, left: Collection[ServiceKey], split: Sequence[str]) -> str:
    """Somebody is out of the circle."""
    off = f"; {_listed(list(split))} split off" if split else ""
    return _bounded(
        f"{_names(left)} left the circle{off}; {len(alert.members)} services remain, {alert.severity}: "
        f"{path(alert.witness)}; {_way_out(alert)}"
    )


def acknowledged(alert: Alert) -> str:
    """Somebody knows about it."""
    said = alert.acknowledgement
    if alert.reason is not AlertReason.ACKNOWLEDGED_ON_ALERT or said is None:
        return "every circle contains an edge that its manifest accepts (acceptedCycle)"
    by = f" by {said.by}" if said.by else ""
    until = f" until {_time(said.until)}" if said.until else ""
    return _bounded(f"acknowledged{by}{until}: {said.reason}")


def resolved(alert: Alert) -> str:
    """The circle is gone, or part of another."""
    if alert.merged_into:
        return f"merged into {alert.merged_into}"
    return _bounded(f"{_names(alert.members_when_resolved)} do not depend on each other in a circle any more")


def _way_out(alert: Alert) -> str:
    cuts = _listed([f"{cut} ({cut.reason})" for cut in alert.cut], alert.cut_size)
    return f"cheapest way out: remove {cuts}"


def _names(keys: Collection[ServiceKey]) -> str:
    return _listed(sorted(map(str, keys)))


def _listed(words: list[str], count: int | None = None) -> str:
    """The first few words; `count` is how many there are in all."""
    rest = (len(words) if count is None else count) - _NAMED
    return ", ".join(words[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _bounded(text: str) -> str:
    """The text, cut to `_MAX_BYTES` bytes."""
    encoded = text.encode()
    if len(encoded) <= _MAX_BYTES:
        return text
    return encoded[: _MAX_BYTES - 3].decode(errors="ignore") + "…"
