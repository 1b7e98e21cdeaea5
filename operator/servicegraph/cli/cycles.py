"""`servicegraph cycles`: the circles of services that depend on each other, and the cheapest way out of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from servicegraph import settings
from servicegraph.cli.client import Client, given
from servicegraph.cli.columns import age, columns
from servicegraph.cli.output import output_option, print_json
from servicegraph.clock import SystemClock
from servicegraph.model.alert import AlertState, Severity
from servicegraph.model.fields import parse_time

if TYPE_CHECKING:
    from datetime import datetime

    Item = dict[str, Any]

_HEADS = ("NAME", "STATE", "SEVERITY", "SERVICES", "PATH", "CUT", "SINCE")
_STATES, _SEVERITIES = list(AlertState), list(Severity)


@click.command()
@click.option(
    "--state",
    type=click.Choice([state.value for state in AlertState], case_sensitive=False),
    help="Only circles in this state.",
)
@click.option(
    "--severity",
    type=click.Choice([severity.value for severity in Severity], case_sensitive=False),
    help="Only circles of this severity.",
)
@output_option("table")
def cycles(state: str | None, severity: str | None, output: str) -> None:
    """List circles: services that depend on each other, directly or by others.

    PATH is a shortest circle, CUT the cheapest set of calls whose end would leave no circle. SINCE is how long there has been
    the circle, or none any more.

    \b
    Those that somebody has to look at:
      servicegraph cycles --state Open
    Everything that is known about them:
      servicegraph cycles --output json
    Say that one is known:
      servicegraph ack cycle-3f2a9c41d0b7 --reason "split planned" --until 90d

    The server is the one at SERVICEGRAPH_URL; `servicegraph local env` prints that of a local environment.
    """
    asked = given(state=state, severity=severity)
    document = Client(settings.load()).whole_list("cycles", asked)
    if output == "json":
        print_json(document)
    elif document["items"]:
        click.echo(columns(_HEADS, table(document["items"], SystemClock().now())), nl=False)
    else:
        click.echo("No circle is known." if not asked else "No such circle is known.", err=True)


def table(items: list[Item], now: datetime) -> list[list[str]]:
    """A row for each circle, the worst that nobody has acknowledged first."""
    return [
        [
            item["name"],
            item["state"],
            item["severity"],
            str(item["member_count"]),
            item["path"],
            item["cut"],
            age(parse_time(item["resolved_at"] or item["opened_at"]), now),
        ]
        for item in sorted(items, key=_urgency)
    ]


def _urgency(item: Item) -> tuple[int, int, str]:
    return _STATES.index(item["state"]), _SEVERITIES.index(item["severity"]), item["name"]
