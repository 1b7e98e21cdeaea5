"""`servicegraph ack`: say that a circle is known, on its CycleAlert, with the rights of whoever's kubeconfig it is."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta

import click

from servicegraph import settings
from servicegraph.clock import SystemClock
from servicegraph.kube.acknowledge import Outcome, acknowledge
from servicegraph.model.fields import parse_time, print_time

_SPAN = re.compile(r"([1-9][0-9]{0,4})([dh])")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TAKES = "write a day such as 2027-01-31, a time such as 2027-01-31T12:00:00Z, or a span such as 90d or 12h"


@click.command()
@click.argument("name")
@click.option("--reason", required=True, help="Why the circle may stay for now; others will read it.")
@click.option(
    "--until", help="When it ends: a day (its beginning in UTC), a time, or a span such as 90d or 12h."
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
        if span:
            hours = int(span[1]) * (24 if span[2] == "d" else 1)
            return now + timedelta(hours=hours)
        end = datetime.fromisoformat(text).replace(tzinfo=UTC) if _DAY.fullmatch(text) else parse_time(text)
    except (ValueError, OverflowError):
        raise click.BadParameter(f"{text!r} is no time; {_TAKES}", param_hint="--until") from None
    if end <= now:
        raise click.BadParameter(f"{text} has passed; {_TAKES}", param_hint="--until")
    return end
