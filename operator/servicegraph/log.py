"""Structured logs: one event a line, as JSON for programs or in colours for people.

Every line names what happened (`event`) and the facts beside it; sentences are not built from facts. Names of services and
objects may stand in a log line, secrets never.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from structlog.typing import Processor

_NOISY = {
    "kopf": logging.WARNING,
    "kopf.objects": logging.WARNING,
    "kopf._core.reactor.running": logging.ERROR,  # it warns that it takes no signals, which are not its to take
    "asyncio": logging.WARNING,
    "alembic": logging.WARNING,
    "kubernetes_asyncio": logging.INFO,  # at DEBUG it prints whole answers
}


def configure(level: str = "INFO", style: str = "auto") -> None:
    """Send all logs to stderr at `level`, in `style` json, console, or auto (console on a terminal)."""
    renderer: Any
    if style == "json" or (style == "auto" and not sys.stderr.isatty()):
        renderer = structlog.processors.JSONRenderer()
    else:
        # The plain traceback: prettier ones print local variables, among which secrets may be.
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _plain, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, at_least in _NOISY.items():
        logging.getLogger(name).setLevel(max(at_least, root.level))


def _plain(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop what only the standard library's records carry."""
    event.pop("color_message", None)
    return event


def get(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of the module `name`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
