"""How the reading commands write what they were told: for people, or as JSON for other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import orjson

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.decorators import FC


def output_option(form: str) -> Callable[[FC], FC]:
    """The option `--output`: `form`, which is for people and the default, or json."""
    return click.option(
        "--output",
        "-o",
        type=click.Choice([form, "json"]),
        default=form,
        show_default=True,
        help="How to write it.",
    )


def print_json(document: Any) -> None:
    """Print a document as JSON that people can read too."""
    click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2))
