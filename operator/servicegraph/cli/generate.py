"""`servicegraph generate`: manifests that declare what telemetry shows and nobody declares, ready for review."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import orjson

from servicegraph import settings
from servicegraph.cli.client import Client, given
from servicegraph.cli.drafts import manifests, undeclared

if TYPE_CHECKING:
    Document = dict[str, Any]


@click.command()
@click.option("--namespace", "-n", required=True, help="The namespace whose services call.")
@click.option("--team", help="Only services of this team.")
def generate(namespace: str, team: str | None) -> None:
    """Write ServiceDependency manifests for calls that are seen and not declared.

    They are a draft: telemetry shows that there is a call, not whether it is meant, nor how much depends on it. Comments say
    who has shown it since when, and which object the entries belong into where one exists.

    \b
      servicegraph generate --namespace shop > shop.yaml
      kubectl apply --dry-run=server -f shop.yaml

    The server is the one at SERVICEGRAPH_URL; `servicegraph local env` prints that of a local environment.
    """
    client = Client(settings.load())
    services = client.whole_list("services", given(namespace=namespace, team=team))["items"]
    drift: Document = orjson.loads(client.read("drift", {"namespace": namespace}).body)
    for warning in drift["warnings"]:
        click.echo(f"Note: {warning}", err=True)
    calls = undeclared(drift, {one["id"] for one in services})
    click.echo(
        manifests(
            calls,
            drift["declared_in"],
            {one["id"] for one in services if one["discovered"]},
            {(one["observed"]["source"], one["observed"]["target"]) for one in drift["swapped"]},
        ),
        nl=False,
    )
    number = sum(map(len, calls.values()))
    click.echo(
        f"{number} call{'s' if number != 1 else ''} seen and not declared, by {len(calls)} of {len(services)} services."
        if calls
        else "Nothing to write: every call that is seen is declared.",
        err=True,
    )
