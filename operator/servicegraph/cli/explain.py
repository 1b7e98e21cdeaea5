"""`servicegraph explain`: why one service is said to call another, or why nothing says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import orjson

from servicegraph import settings
from servicegraph.cli.client import Client
from servicegraph.cli.ids import ServiceId, as_written
from servicegraph.cli.output import output_option, print_json

if TYPE_CHECKING:
    from servicegraph.model.ids import ServiceKey

    Document = dict[str, Any]


@click.command()
@click.argument("source", type=ServiceId())
@click.argument("target", type=ServiceId())
@output_option("text")
def explain(source: ServiceKey, target: ServiceKey, output: str) -> None:
    """Say why SOURCE is known to call TARGET, or why it is not.

    Both are ids: namespace/name, with :kind unless it is a Service, and - for no namespace. It tells which object declares the
    call, which source of telemetry shows it under which names and since when, how sure that makes it; of a call that is not
    there, who said so before, what is nearly the same, and who could not look.

    \b
      servicegraph explain shop/checkout shop/payment
      servicegraph explain shop/checkout shop/orders:datastore --output json

    The server is the one at SERVICEGRAPH_URL; `servicegraph local env` prints that of a local environment.
    """
    ends = {"source": as_written(source), "target": as_written(target)}
    answer = Client(settings.load()).read("edges/explain", ends)
    document = orjson.loads(answer.body)
    if output == "json":
        print_json(document)
    else:
        click.echo(text(document), nl=False)


def text(document: Document) -> str:
    """The explanation as a head and a list of sentences."""
    lines = [f"{document['source']} → {document['target']}: {_head(document)}"]
    lines += [f"  - {reason}" for reason in document["reasons"]]
    if document["rules"]:
        lines.append(f"Names read by: {', '.join(document['rules'])}")
    if document["query"]:
        lines.append(f"PromQL: {document['query']}")
    return "\n".join(lines) + "\n"


def _head(document: Document) -> str:
    """What the edge is, in a line."""
    if not document["exists"]:
        return "not in the graph"
    facts = [document["protocol"], document["mode"], document["requirement"]]
    doubts = [doubt for doubt in ("stale", "quarantined") if document[doubt]]
    return ", ".join([*filter(None, facts), f"confidence {document['confidence']:.2f}", *doubts])
