"""The command line: composition of the parts into commands.

Each module holds one command (or one group); `main` gathers them. `run` alone knows the HTTP server.
"""

from __future__ import annotations

import sys

import click

from servicegraph import __version__
from servicegraph.errors import ServicegraphError

_LAZY = {
    "run": ("servicegraph.cli.run", "run"),
    "migrate": ("servicegraph.cli.migrate", "migrate"),
    "api-keys": ("servicegraph.cli.apikeys", "api_keys"),
    "local": ("servicegraph.cli.local", "local"),
    "graph": ("servicegraph.cli.graph", "graph"),
    "cycles": ("servicegraph.cli.cycles", "cycles"),
    "ack": ("servicegraph.cli.ack", "ack"),
    "check": ("servicegraph.cli.check", "check"),
    "drift": ("servicegraph.cli.drift", "drift"),
    "explain": ("servicegraph.cli.explain", "explain"),
    "generate": ("servicegraph.cli.generate", "generate"),
}


class _Commands(click.Group):
    """Imports a command only when it is asked for, so that `version` need not load Postgres and Kubernetes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_LAZY, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _LAZY:
            return super().get_command(ctx, cmd_name)
        module, attribute = _LAZY[cmd_name]
        command = getattr(__import__(module, fromlist=[attribute]), attribute)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Keep the graph of what services depend on, and ask it.

    \b
    Try it on this machine, with a real API server and a real Postgres:
      servicegraph local up --detach --example 01-online-boutique
      eval "$(servicegraph local env)"
      kubectl get servicedependencies -A
      servicegraph graph online-boutique/checkoutservice
      servicegraph cycles

    \b
    Run it:
      servicegraph migrate        bring the database to this version's schema
      servicegraph run            the operator with its HTTP server
    """


@cli.command()
def version() -> None:
    """Print the version."""
    click.echo(f"servicegraph {__version__}")


def main() -> None:
    """Run the command line; errors that people can mend are printed as one line."""
    try:
        cli(standalone_mode=True)
    except ServicegraphError as error:
        click.echo(f"Error: {error.message}", err=True)
        sys.exit(1)
