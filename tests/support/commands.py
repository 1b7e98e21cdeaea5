"""The reading commands, run against a server of this process."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from click.testing import CliRunner, Result

from support.keyed import KEY

if TYPE_CHECKING:
    import click

    from support.serving import Serving


async def run(command: click.Command, served: Serving, *words: str) -> Result:
    """Run the command in a thread, as the server lives in this one."""
    environment = {
        "SERVICEGRAPH_URL": served.url,
        "SERVICEGRAPH_API_KEY": KEY,
        "COLUMNS": "40",
        "FORCE_COLOR": None,
    }
    return await asyncio.to_thread(CliRunner().invoke, command, words, env=environment)
