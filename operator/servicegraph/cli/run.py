"""`servicegraph run`: everything in one process, or one role of it.

The composition: settings, clock, store and HTTP server are made here and handed to each other; `controller` adds the operator.
Nobody else imports the HTTP server.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import click

from servicegraph import log, settings
from servicegraph.cli.allocator import give_memory_back
from servicegraph.cli.controller import control
from servicegraph.cli.webhook import is_wanted, keep_certificate
from servicegraph.clock import SystemClock
from servicegraph.errors import ServicegraphError, SettingsError
from servicegraph.ingest.ageing import Thresholds
from servicegraph.ingest.commit import GraphWriter
from servicegraph.ingest.submitting import Submitting
from servicegraph.reconcile.health import HealthBoard
from servicegraph.reconcile.served import ServedGraph
from servicegraph.store import alerts
from servicegraph.store.current import CurrentSnapshot
from servicegraph.store.engine import create_engine
from servicegraph.store.keyring import KeyRing
from servicegraph.store.records import StoredRecords
from servicegraph_api.admission import create_admission
from servicegraph_api.app import create_app
from servicegraph_api.guard import Guard
from servicegraph_api.limits import Limits
from servicegraph_api.server import listening
from servicegraph_api.shared import SharedBuckets
from servicegraph_api.tls import Shown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web

    from servicegraph.clock import Clock
    from servicegraph.settings import Settings

_log = log.get(__name__)

END_SECONDS = 9.0
"""How long a process may take to end once it is told to: longer than draining takes, less than the ten seconds promised."""


@click.command()
@click.option(
    "--role",
    type=click.Choice(["all", "controller", "api"]),
    default="all",
    show_default=True,
    help="all: the operator and the HTTP server; controller: the operator with its probes; api: the HTTP server alone.",
)
def run(role: str) -> None:
    """Run the operator with its HTTP server.

    \b
    Settings are environment variables; these two matter first:
      DATABASE_URL   postgresql://user:password@host:5432/servicegraph
      KUBECONFIG     a kubeconfig, where it does not run inside the cluster

    \b
    Examples:
      servicegraph run
      API_HOST=0.0.0.0 servicegraph run --role api
    """
    chosen = settings.load()
    log.configure(chosen.log_level, chosen.log_format)
    give_memory_back()
    try:
        asyncio.run(_until_signalled(chosen, role))
    except BaseExceptionGroup as group:
        cause = _alone(group)
        if isinstance(cause, ServicegraphError):
            raise cause from group
        raise


def _alone(error: BaseException) -> BaseException:
    """What ended a group of tasks, if it is one thing, however deep; else the group."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


async def _until_signalled(chosen: Settings, role: str) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    serving = asyncio.create_task(serve(chosen, role, SystemClock(), stop))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    ended, _ = await asyncio.wait({serving}, timeout=END_SECONDS)
    if not ended:
        # A peer that swallows everything can hold up even a rollback. The next start finds what is not stored.
        _log.warning("run.cut_short", seconds=END_SECONDS)
        os._exit(os.EX_OK)
    stopping.cancel()
    await serving


async def serve(chosen: Settings, role: str, clock: Clock, stop: asyncio.Event) -> None:
    """Serve until `stop` is set, then drain: what was heard is stored and reported before this returns."""
    health = HealthBoard(clock)
    engine = create_engine(chosen)
    current, ring = CurrentSnapshot(engine, clock), KeyRing(engine, clock)
    health.ask("postgres", current.problem)
    health.ask("keys", ring.problem)
    try:
        async with _limits(chosen, health, clock) as limits:
            server = create_app(
                ServedGraph(current, health),
                partial(alerts.history, engine),
                StoredRecords(engine),
                health,
                chosen,
                Guard(ring, limits, clock, chosen),
                clock,
                Submitting(GraphWriter(engine, clock, Thresholds.of(chosen)), current.wait_for),
            )
            async with (
                _listening(server, chosen.api_host, API_PORT=chosen.api_port),
                _admission(chosen, role, current, clock) as shown,
                asyncio.TaskGroup() as tasks,
            ):
                following = [tasks.create_task(current.run()), tasks.create_task(ring.run())]
                if shown is not None:
                    following.append(tasks.create_task(keep_certificate(chosen, health, clock, shown.show)))
                if role == "api":
                    await stop.wait()
                else:
                    await control(stop, chosen, engine, current, health, clock)
                for task in following:
                    task.cancel()
            await ring.flush()
    finally:
        await engine.dispose()
    _log.info("run.stopped")


@asynccontextmanager
async def _limits(chosen: Settings, health: HealthBoard, clock: Clock) -> AsyncIterator[Limits]:
    """The rate limits, counted with the other replicas where there is a place for that."""
    if not chosen.redis_url:
        yield Limits(clock)
        return
    shared = SharedBuckets(chosen.redis_url, f"servicegraph:{chosen.instance_name}:", clock)
    health.ask("redis", shared.problem)
    try:
        yield Limits(clock, shared)
    finally:
        await shared.close()


@asynccontextmanager
async def _admission(
    chosen: Settings, role: str, graph: CurrentSnapshot, clock: Clock
) -> AsyncIterator[Shown | None]:
    """The port where the API server asks, and what it is shown there; None where nobody asks.

    Raises:
        SettingsError: as `_listening`.
    """
    if not is_wanted(chosen, role):
        yield None
        return
    shown = Shown()
    async with _listening(
        create_admission(graph, clock), chosen.api_host, shown, WEBHOOK_PORT=chosen.webhook_port
    ):
        yield shown


@asynccontextmanager
async def _listening(
    app: web.Application, host: str, shown: Shown | None = None, **setting: int
) -> AsyncIterator[None]:
    """A server, from before the first snapshot (probes must answer) until after the last report.

    Args:
        app: answers.
        host: API_HOST.
        shown: what it shows of itself, where it speaks TLS.
        setting: the one that says the port.

    Raises:
        SettingsError: the port is taken, or the address is none of this machine.
    """
    ((name, port),) = setting.items()
    async with AsyncExitStack() as ends:
        try:
            tls = shown.context if shown else None
            url = await ends.enter_async_context(listening(app, host, port, tls))
        except OSError as error:
            raise SettingsError(
                f"API_HOST={host!r}, {name}={port}: cannot listen there"
                f" ({error.strerror or error}); choose another"
            ) from error
        _log.info("http.listening", url=url)
        yield
