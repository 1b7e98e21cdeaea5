"""`servicegraph graph`: what a service depends on and who depends on it, in the terminal or as JSON, Mermaid or DOT."""

from __future__ import annotations

import sys

import click
import orjson
from rich.console import Console

from servicegraph import settings
from servicegraph.cli.client import Answer, Client
from servicegraph.cli.ids import ServiceId
from servicegraph.cli.output import print_json
from servicegraph.cli.tree import circles, tree
from servicegraph.model.ids import Kind, ServiceKey

_WIDE = 10_000
"""Columns where no terminal is: a line is never broken, so that other programs can read it."""


@click.command()
@click.argument("service", type=ServiceId())
@click.option(
    "--direction",
    type=click.Choice(["downstream", "upstream", "both"]),
    default="downstream",
    show_default=True,
    help="downstream: what it depends on; upstream: who depends on it.",
)
@click.option(
    "--depth", type=click.IntRange(1, 50), default=3, show_default=True, help="How many hops to go."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["tree", "json", "mermaid", "dot"]),
    default="tree",
    show_default=True,
    help="How to write it.",
)
@click.option(
    "--kind",
    type=click.Choice([kind.value for kind in Kind], case_sensitive=False),
    help="The kind of SERVICE, where several share its name.",
)
def graph(service: ServiceKey, direction: str, depth: int, form: str, kind: str | None) -> None:
    """Show what SERVICE depends on, or who depends on it.

    SERVICE is an id: namespace/name, with :kind unless it is a Service, and - for no namespace.

    \b
    What checkout calls, three hops far:
      servicegraph graph shop/checkout
    Who breaks when a database does:
      servicegraph graph shop/orders:datastore --direction upstream --depth 10
    Who calls somebody else's service:
      servicegraph graph -/api.stripe.com:external --direction upstream
    A picture for a page, or a file:
      servicegraph graph shop/checkout --format mermaid
      servicegraph graph shop/checkout --format dot | dot -Tsvg > checkout.svg

    The server is the one at SERVICEGRAPH_URL; `servicegraph local env` prints that of a local environment.
    """
    client = Client(settings.load())
    parameters = {"depth": str(depth)}
    if kind or service.kind:
        parameters["kind"] = kind or service.kind
    if form == "tree":
        ways = ["downstream", "upstream"] if direction == "both" else [direction]
        _print_trees([client.dependencies(service, {**parameters, "direction": way}) for way in ways])
    else:
        answer = client.dependencies(service, {**parameters, "direction": direction, "format": form})
        _print_text(answer, form)


def _print_trees(answers: list[Answer]) -> None:
    console = Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)
    for number, answer in enumerate(answers):
        document = orjson.loads(answer.body)
        if number:
            console.print()
        console.print(tree(document))
        if (found := circles(document)) is not None:
            console.print(found)
        for warning in document["warnings"]:
            click.echo(f"Note: {warning}", err=True)
    answers[0].tell_age()


def _print_text(answer: Answer, form: str) -> None:
    if form == "json":
        print_json(orjson.loads(answer.body))
    else:
        click.echo(answer.body.decode(), nl=False)
    answer.tell_age()
