"""`servicegraph ack`: say that a circle is known, on its CycleAlert, with the rights of whoever's kubeconfig it is."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta

import click

from servicegraph import settings
from servicegraph.clock import SystemClock
from servicegraph.kube.acknowledge import Outcome, acknowledge
from servicegraph.model.fields import print_time

_SPAN = re.compile(
    r"(?=.)((?P<days>[0-9]{1,5})d)?((?P<hours>[0-9]{1,5})h)?((?P<minutes>[0-9]{1,5})m)?((?P<seconds>[0-9]{1,5})s)?"
)
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?"
)
_TAKES = (
    "write a span such as 90d, 12h or 1h30m, a day such as 2027-01-31,"
    " or a time such as '2027-01-31 13:30', which is in UTC unless it names an offset as in 2027-01-31T13:30:00+01:00"
)


@click.command()
@click.argument("name")
@click.option("--reason", required=True, help="Why the circle may stay for now; others will read it.")
@click.option(
    "--until",
    help="When it ends: a span such as 90d, 12h or 1h30m, a day (its beginning in UTC), or a time such as"
    " '2027-01-31 13:30' (UTC unless it names an offset).",
)
@click.option("--by", help="Who says so.")
def ack(name: str, reason: str, until: str | None, by: str | None) -> None:
    """Acknowledge the circle of the CycleAlert NAME.

    It covers the services that are members of the circle now: when another joins, the alert is open again. An acknowledgement
    that is there already is replaced.

    \b
    Examples:
      servicegraph ack cycle-3f2a9c41d0b7 --reason "known, split planned" --by ana
      servicegraph ack cycle-3f2a9c41d0b7 --reason "known, split planned" --until 2027-01-31
      servicegraph ack cycle-3f2a9c41d0b7 --reason "until the migration is over" --until 90d

    It writes spec.acknowledgement, as kubectl patch could, with the rights that your kubeconfig gives. A team can also accept
    its part in a circle in Git: by acceptedCycle of a dependency in its own manifest.
    """
    end = None if until is None else print_time(moment(until, SystemClock().now()))
    outcome = asyncio.run(acknowledge(settings.load(), name, {"reason": reason, "by": by, "until": end}))
    ending = f" until {end}" if end else ""
    if outcome is Outcome.SAID_BEFORE:
        click.echo(f"{name} is acknowledged in the same words already{ending}")
    else:
        click.echo(f"{name} is acknowledged{ending}")


def moment(text: str, now: datetime) -> datetime:
    """The time that `text` means at the time `now`.

    Raises:
        click.BadParameter: it means none, or one that has passed.
    """
    span = _SPAN.fullmatch(text)
    try:
        end = now + _length(span) if span else _named(text)
    except (ValueError, OverflowError):
        raise click.BadParameter(f"{text!r} is no time; {_TAKES}", param_hint="--until") from None
    if end <= now:
        raise click.BadParameter(f"{text!r} has passed already; {_TAKES}", param_hint="--until")
    return end


def _named(text: str) -> datetime:
    """The day or time that `text` names, in UTC; without an offset it is meant in UTC.

    Raises:
        ValueError, OverflowError: there is no such time.
    """
    if not _TIME.fullmatch(text):
        raise ValueError(text)
    said = datetime.fromisoformat(text)
    return said.replace(tzinfo=UTC) if said.tzinfo is None else said.astimezone(UTC)


def _length(span: re.Match[str]) -> timedelta:
    """How long the matched `span` is."""
    return timedelta(**{unit: int(count) for unit, count in span.groupdict("0").items()})
