"""`servicegraph drift`: where what teams declare and what telemetry shows disagree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import orjson

from servicegraph import settings
from servicegraph.cli.client import Client, given
from servicegraph.cli.columns import age, columns
from servicegraph.cli.output import output_option, print_json
from servicegraph.clock import SystemClock
from servicegraph.model.fields import parse_time
from servicegraph.model.observation import DECLARED_PROVIDER

if TYPE_CHECKING:
    from datetime import datetime

    Document = dict[str, Any]

_HEADS = ("DRIFT", "SOURCE", "TARGET", "SEEN BY", "SINCE", "CONFIDENCE")
_NEAR_HEADS = ("NAME", "MAY BE MEANT FOR")
_NOBODY = "-"


@click.command()
@click.option("--namespace", "-n", help="Only calls from or to services of this namespace.")
@click.option("--team", help="Only calls from or to services of this team.")
@output_option("table")
def drift(namespace: str | None, team: str | None, output: str) -> None:
    """Hold what is declared against what telemetry shows.

    \b
    DRIFT is one of
      swapped?        declared, but only the other direction is seen
      never seen      declared, and no source of telemetry shows it, although one could
      not declared    seen, and no object declares it
    Below, names are listed that may be meant for others.

    \b
    What a team has to look at:
      servicegraph drift --team payments
    Manifests for what is seen and not declared:
      servicegraph generate --namespace shop
    Why one call is there or not:
      servicegraph explain shop/checkout shop/payment

    The server is the one at SERVICEGRAPH_URL; `servicegraph local env` prints that of a local environment.
    """
    answer = Client(settings.load()).read("drift", given(namespace=namespace, team=team))
    document = orjson.loads(answer.body)
    if output == "json":
        print_json(document)
    else:
        click.echo("\n".join(tables(document, SystemClock().now())), nl=False)
        click.echo(agreement(document), err=True)
    for warning in document["warnings"]:
        click.echo(f"Note: {warning}", err=True)
    answer.tell_age()


def tables(document: Document, now: datetime) -> list[str]:
    """The table of edges and the table of names, as far as there is something in them."""
    rows = [
        *(_row("swapped?", one["declared"], one["observed"], now) for one in document["swapped"]),
        *(_row("never seen", one, None, now) for one in document["declared_only"]),
        *(_row("not declared", one, one, now) for one in document["observed_only"]),
    ]
    near = [[one["id"], ", ".join(one["candidates"])] for one in document["near_misses"]]
    return [columns(heads, lines) for heads, lines in ((_HEADS, rows), (_NEAR_HEADS, near)) if lines]


def agreement(document: Document) -> str:
    """What is right, in a sentence."""
    both = len(document["both"])
    calls = "1 call is" if both == 1 else f"{both} calls are"
    return f"{calls} both declared and seen." if both else "No call is both declared and seen."


def _row(drift: str, edge: Document, seen: Document | None, now: datetime) -> list[str]:
    """An edge; `seen` is the edge that telemetry shows in its place."""
    if seen is None:
        return [drift, edge["source"], edge["target"], _NOBODY, _NOBODY, _NOBODY]
    who = [one for one in seen["providers"] if one["name"] != DECLARED_PROVIDER]
    since = min(parse_time(one["first_seen"]) for one in who)
    names = ", ".join(one["name"] for one in who)
    return [drift, edge["source"], edge["target"], names, age(since, now), f"{seen['confidence']:.2f}"]
