"""`servicegraph check`: say of manifests, before they are applied, what is wrong with them and which circles they close."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Self

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from servicegraph import settings
from servicegraph.checks.answer import answered
from servicegraph.checks.changes import assess
from servicegraph.checks.finding import PAGE
from servicegraph.cli import inputs, reports, sarif
from servicegraph.cli.client import Client
from servicegraph.clock import SystemClock
from servicegraph.graph.blank import blank

if TYPE_CHECKING:
    from types import TracebackType

    from servicegraph.checks.manifests import Reading

    Item = dict[str, Any]

_CLOCK = SystemClock()
_UNREADABLE = 2
_FOUND = 1
_SLOW = 1.0
"""Seconds after which a bar appears."""


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.option(
    "--output",
    "-o",
    type=click.Choice(["human", "json", "github", "sarif", "mermaid"]),
    default="human",
    show_default=True,
    help="How to write what is found; mermaid draws what is new instead.",
)
@click.option(
    "--fail-on",
    type=click.Choice(reports.SEVERITIES),
    default="warning",
    show_default=True,
    help="The least severity that makes the exit status 1.",
)
@click.option(
    "--namespace",
    "-n",
    default="default",
    show_default=True,
    help="Where manifests are applied that name no namespace.",
)
@click.option(
    "--server",
    metavar="URL",
    help="Hold them against the graph of this server; left out, SERVICEGRAPH_URL where it is set.",
)
@click.option("--offline", is_flag=True, help="Ask no server, even where SERVICEGRAPH_URL is set.")
@click.pass_context
def check(
    context: click.Context,
    paths: tuple[str, ...],
    output: str,
    fail_on: str,
    namespace: str,
    server: str | None,
    *,
    offline: bool,
) -> None:
    """Check manifests before they are applied.

    PATH is a file, a folder (searched for *.yaml, *.yml and *.json below) or - for standard input. A file may hold many
    documents and lists; objects of other kinds are passed over. No cluster is needed.

    \b
    Everything in a folder:
      servicegraph check deploy/
    What a pipeline is about to apply, against the graph as it is:
      kustomize build overlays/prod | servicegraph check - --server https://servicegraph.example.com
    For a pull request on GitHub, and for code scanning:
      servicegraph check deploy/ --output github
      servicegraph check deploy/ --output sarif > servicegraph.sarif

    Exit status: 0 when nothing is found, 1 when something of at least the severity --fail-on is, 2 when a PATH cannot be
    read or parsed. Errors are what the API server or the operator refuses; warnings are circles, near misses and the like;
    notes are worth knowing. docs/findings.md explains each code.
    """
    loaded = settings.load()
    url = None if offline else server or loaded.servicegraph_url
    with _Bar() as bar:
        files = inputs.find(paths)
        got = inputs.load(files, namespace, lambda: bar.advance(len(files)))
    for sentence in got.unreadable:
        click.echo(f"Error: {sentence}", err=True)
    if url:
        document = _asked(Client(loaded.model_copy(update={"servicegraph_url": url})), got.reading)
    else:
        assessment = assess(blank(), got.reading.proposals, now=_CLOCK.now())
        document = {**answered(got.reading, assessment), "graph_version": None}
    _write(document, output, got)
    if got.unreadable:
        context.exit(_UNREADABLE)
    counts = reports.SEVERITIES[: reports.SEVERITIES.index(fail_on) + 1]
    context.exit(_FOUND if any(one["severity"] in counts for one in document["findings"]) else 0)


def _asked(client: Client, reading: Reading) -> Item:
    """What a server says of the manifests that are valid by themselves, put together with what is wrong with the others."""
    own = answered(reading, assess(blank(), (), now=_CLOCK.now()))
    sent = [one.manifest for one in reading.proposals]
    answer = client.check([reading.manifests[number].body for number in sent], reading.namespace)
    answer.tell_age()
    document: Item = orjson.loads(answer.body)
    for one in document["findings"]:
        for place in (one, *one["related"]):
            manifest = reading.manifests[sent[place["manifest"]]]
            line = manifest.line_of(place["field"])
            place.update(manifest=sent[place["manifest"]], file=manifest.file, line=line)
    found = sorted([*own["findings"], *document["findings"]], key=lambda one: int(one["manifest"]))
    return {**document, "findings": found, "manifests": own["manifests"]}


def _write(document: Item, output: str, got: inputs.Input) -> None:
    if not document["manifests"] and not got.unreadable:
        click.echo("No manifests of servicegraph were found.", err=True)
    if output == "json":
        click.echo(orjson.dumps({**document, "unreadable": got.unreadable}, option=orjson.OPT_INDENT_2))
    elif output == "sarif":
        click.echo(orjson.dumps(sarif.log(document, got.unreadable), option=orjson.OPT_INDENT_2))
    elif output == "github":
        click.echo(reports.github(document), nl=False)
    elif output == "mermaid":
        click.echo(reports.picture(document), nl=False)
    else:
        click.echo(reports.human(document), nl=False)
        if document["findings"] and sys.stdout.isatty():
            click.echo(f"{PAGE} explains the codes", err=True)


class _Bar:
    """How far the reading is, on a terminal and only where it takes long."""

    def __init__(self) -> None:
        self._began = _CLOCK.monotonic()
        self._done = 0
        self._shown: Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown is not None:
            self._shown.stop()

    def advance(self, total: int) -> None:
        """One more file is read."""
        self._done += 1
        if self._shown is None and _CLOCK.monotonic() - self._began > _SLOW:
            columns = (TextColumn("reading manifests"), BarColumn(), MofNCompleteColumn())
            self._shown = Progress(*columns, console=Console(stderr=True), transient=True)
            self._shown.disable = not sys.stderr.isatty()
            self._shown.add_task("", total=total)
            self._shown.start()
        if self._shown is not None:
            self._shown.update(self._shown.task_ids[0], completed=self._done)
