"""`servicegraph ack`: say that a circle is known, on its CycleAlert, with the rights of whoever's kubeconfig it is."""

from __future__ import annotations

import asyncio

import click

from servicegraph import settings
from servicegraph.cli.moments import moment
from servicegraph.clock import SystemClock
from servicegraph.kube.acknowledge import Outcome, acknowledge
from servicegraph.model.fields import print_time


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
    end = None if until is None else print_time(moment(until, SystemClock().now(), "--until"))
    outcome = asyncio.run(acknowledge(settings.load(), name, {"reason": reason, "by": by, "until": end}))
    ending = f" until {end}" if end else ""
    if outcome is Outcome.SAID_BEFORE:
        click.echo(f"{name} is acknowledged in the same words already{ending}")
    else:
        click.echo(f"{name} is acknowledged{ending}")
